# Tools for tests that Debian does not have, downloaded into .cache/ with pinned versions. Sourced by deps.sh.
# To add one: a function that installs it by `cached`, called from install_test_tools.

# cached NAME KEY COMMAND...: runs COMMAND once for each value of KEY (a version, a checksum of a lock file); it gets an
# empty directory .cache/NAME as working directory. A failed or interrupted run leaves no mark and is repeated.
cached() {
  local name="$1" key="$2" directory=".cache/$1"
  shift 2
  [ "$(cat "$directory/.installed" 2>/dev/null)" = "$key" ] && return 0
  say "installing $name into $directory"
  rm -rf "$directory"
  mkdir -p "$directory"
  (cd "$directory" && retry "$@") || die "could not install $name; run ./dev deps --test again"
  echo "$key" >"$directory/.installed"
}

# The Python packages of tests/requirements.txt, as .cache/python/venv/bin/python.
install_python_packages() {
  local requirements="$PWD/tests/requirements.txt"
  [ -f "$requirements" ] || return 0
  cached python "$(sha256sum <"$requirements")" make_python_environment "$requirements"
}

make_python_environment() {
  /usr/bin/python3 -m venv venv && venv/bin/pip install -q --disable-pip-version-check -r "$1"
}

install_test_tools() {
  install_python_packages
}
