#: Build the release and run the benchmarks.
#:
#: usage: ./dev bench [NAME...] [-- BENCHMARK ARGUMENTS]
#:
#: NAME is a program of bench/ without _bench; all when none is named.

source tools/dev/deps.sh

dev_bench() {
  local names=() name
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    names+=("$1")
    shift
  done
  [ $# -gt 0 ] && shift
  dev_deps
  configure release
  has_target release benchmarks || die "there are no benchmarks yet"
  ninja -C build/release -j "$JOBS" benchmarks
  if [ "${#names[@]}" = 0 ]; then
    mapfile -t names < <(cd build/release/bin && ls -- *_bench | sed 's/_bench$//')
  fi
  for name in "${names[@]}"; do
    say "benchmark $name"
    "build/release/bin/${name}_bench" "$@"
  done
}
