# Shared by the verbs of ./dev; sourced, with the root of the repository as working directory.

JOBS="${JOBS:-$(nproc)}"
# Of tests in preset $1: they wait for servers, clocks and disks more than they compute, unless they are instrumented.
test_jobs() { echo "${TEST_JOBS:-$([ "$1" = dev ] && echo $((2 * JOBS)) || echo "$JOBS")}"; }
export DEBIAN_FRONTEND=noninteractive

say() { printf '\n== %s\n' "$*"; }
die() {
  printf './dev: %s\n' "$*" >&2
  exit 1
}
bad_usage() {
  printf './dev: %s\n' "$*" >&2
  exit 2
}

# The help of a verb is the lines of its file that start with "#:".
help_text() { sed -n 's/^#: \{0,1\}//p' "$1"; }

# retry COMMAND...: up to four attempts, for what depends on the network.
retry() {
  local attempt
  for attempt in 1 2 3 4; do
    "$@" && return 0
    [ "$attempt" = 4 ] && break
    echo "attempt $attempt of 4 failed: $*; next one in $((attempt * 5)) s" >&2
    sleep $((attempt * 5))
  done
  return 1
}

# as_root COMMAND...: directly when root, by sudo otherwise.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    # By env, since many sudoers files forbid --preserve-env.
    sudo env DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} \
      ${https_proxy:+https_proxy="$https_proxy"} "$@"
  else
    die "this needs root and there is no sudo; as root run: $*"
  fi
}

# configure PRESET [CMAKE ARGUMENTS]: quiet unless it fails.
configure() {
  local log
  log="$(mktemp)"
  if ! cmake --preset "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    die "configuring the preset '$1' failed (see above; ./dev deps installs what is missing)"
  fi
  rm -f "$log"
}

# build PRESET [TARGETS]: configures and builds; everything when no target is named.
build() {
  local preset="$1"
  shift
  configure "$preset"
  ninja -C "build/$preset" -j "$JOBS" "$@"
}

# has_target PRESET NAME
has_target() { ninja -C "build/$1" -t query "$2" >/dev/null 2>&1; }
