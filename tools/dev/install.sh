#: Build the release and install the program.
#:
#: usage: ./dev install [PREFIX]
#:
#: PREFIX is /usr/local by default (uses sudo when it is not writable).

source tools/dev/build.sh

dev_install() {
  local prefix="${1:-/usr/local}"
  dev_build release
  if [ -w "$prefix" ] || mkdir -p "$prefix" 2>/dev/null && [ -w "$prefix" ]; then
    cmake --install build/release --prefix "$prefix"
  else
    as_root cmake --install build/release --prefix "$prefix"
  fi
}
