#: Build the fuzzers and run each for a while, starting from its corpus in the tree.
#:
#: usage: ./dev fuzz [--seconds N] [--coverage] [NAME...]
#:
#:   --seconds N   time for each fuzzer (default 60)
#:   --coverage    afterwards print the line coverage of the sources that each fuzzer reached
#:   NAME          a fuzzer of tests/fuzz; all when none is named
#:
#: New inputs go to .cache/fuzz/NAME, and a crash to .cache/fuzz/crashes; add what is worth keeping to the corpus.

source tools/dev/deps.sh

run_fuzzer() {
  local name="$1" seconds="$2" program corpus
  read -r program corpus <"build/fuzz/fuzzers/$name"
  mkdir -p ".cache/fuzz/$name" .cache/fuzz/crashes
  say "fuzzing $name for $seconds s"
  LLVM_PROFILE_FILE=".cache/fuzz/$name.profraw" "$program" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 -artifact_prefix=".cache/fuzz/crashes/$name-" \
    ".cache/fuzz/$name" "$corpus"
}

print_coverage() {
  local name="$1" program corpus
  read -r program corpus <"build/fuzz/fuzzers/$name"
  say "line coverage of $name"
  llvm-profdata-19 merge -sparse ".cache/fuzz/$name.profraw" -o ".cache/fuzz/$name.profdata"
  llvm-cov-19 report "$program" -instr-profile=".cache/fuzz/$name.profdata" \
    -show-region-summary=false -show-branch-summary=false -show-functions=false \
    -ignore-filename-regex='/usr/|/gen/|\.pb\.|fuzzer\.cc'
}

dev_fuzz() {
  local seconds=60 coverage=false names=() name
  while [ $# -gt 0 ]; do
    case "$1" in
      --seconds)
        [ $# -ge 2 ] || bad_usage "--seconds needs a number"
        seconds="$2"
        shift
        ;;
      --coverage) coverage=true ;;
      -*) bad_usage "fuzz does not know $1" ;;
      *) names+=("$1") ;;
    esac
    shift
  done
  dev_deps --test
  configure fuzz
  has_target fuzz fuzzers || die "there are no fuzzers yet"
  ninja -C build/fuzz -j "$JOBS" fuzzers
  [ "${#names[@]}" -gt 0 ] || mapfile -t names < <(ls build/fuzz/fuzzers)
  for name in "${names[@]}"; do
    [ -f "build/fuzz/fuzzers/$name" ] || die "there is no fuzzer '$name' (there are: $(ls build/fuzz/fuzzers | xargs))"
    run_fuzzer "$name" "$seconds"
    if $coverage; then print_coverage "$name"; fi
  done
  say "fuzzed ${#names[@]} targets for $seconds s each without a finding"
}
