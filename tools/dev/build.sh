#: Build Prism; the program is then build/release/prism.
#:
#: usage: ./dev build [PRESET [TARGET...]]
#:
#: PRESET is release (the default), dev, asan, tsan, fuzz or soak; the build is in build/PRESET. Without TARGET
#: release builds the program, every other preset everything.
#: JOBS=N sets the number of parallel jobs.

source tools/dev/deps.sh

dev_build() {
  local preset="${1:-release}"
  [ $# -gt 0 ] && shift
  if [ "$preset" = release ]; then dev_deps; else dev_deps --test; fi
  say "building preset $preset"
  configure "$preset"
  if [ "$preset" = release ] && [ $# = 0 ] && has_target release prism; then set -- prism; fi
  build "$preset" "$@"
}
