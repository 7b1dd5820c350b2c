#: Build the release and run the benchmarks.
#:
#: usage: ./dev bench [NAME...] [-- BENCHMARK ARGUMENTS]
#:
#: NAME is a program of bench/ without _bench, or a script of it without .py, such as e2e for the end-to-end table; all
#: when none is named. Scripts have budgets and want a quiet machine: they fail when a budget is missed.

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
    names+=(many_namespaces_bench config_under_load ten_thousand branch_proxy e2e)
  fi
  for name in "${names[@]}"; do
    say "benchmark $name"
    if [ -f "bench/$name.py" ]; then
      ninja -C build/release -j "$JOBS" prism prism_echo_floor prism_branching_front
      local options=(--program build/release/prism --check)
      [ "$name" = e2e ] && options+=(--echo build/release/prism_echo_floor --markdown)
      python3 "bench/$name.py" "${options[@]}" "$@"
    else
      "build/release/bin/${name}_bench" "$@"
    fi
  done
}
