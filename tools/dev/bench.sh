#: Build the release and run the benchmarks.
#:
#: usage: ./dev bench [NAME...] [-- BENCHMARK ARGUMENTS]
#:
#: NAME is a program of bench/ without _bench, or e2e for the end-to-end table with its budgets; all when none is
#: named. The table wants a quiet machine: it fails when a budget is missed.

source tools/dev/deps.sh

dev_bench() {
  local names=() name
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    names+=("$1")
    shift
  done
  [ $# -gt 0 ] && shift
  install_packages build test  # h2load is of the tests
  configure release
  has_target release benchmarks || die "there are no benchmarks yet"
  ninja -C build/release -j "$JOBS" benchmarks
  if [ "${#names[@]}" = 0 ]; then
    mapfile -t names < <(cd build/release/bin && ls -- *_bench | sed 's/_bench$//')
    names+=(e2e)
  fi
  for name in "${names[@]}"; do
    say "benchmark $name"
    if [ "$name" = e2e ]; then
      ninja -C build/release -j "$JOBS" prism prism_echo_floor
      python3 bench/e2e.py --program build/release/prism --echo build/release/prism_echo_floor --check --markdown "$@"
    else
      "build/release/bin/${name}_bench" "$@"
    fi
  done
}
