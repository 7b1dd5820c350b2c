#: Build the fuzzers, run each for a while, and print which part of the parsers their corpora reach.
#:
#: usage: ./dev fuzz [--seconds N | --total N] [NAME...]
#:
#:   --seconds N   time for each fuzzer (default 60); 0 only replays the corpora and prints the coverage
#:   --total N     seconds for all of them together, in equal parts, as many at a time as there are cores
#:   NAME          a fuzzer of tests/fuzz; all when none is named
#:
#: Fails on a finding, and when the corpus in the tree reaches less than 80% of the lines of a parser. New inputs go to
#: .cache/fuzz/NAME, and a crash to .cache/fuzz/crashes; add what is worth keeping to the corpus.

source tools/dev/deps.sh

FUZZ_MIN_COVERAGE=80 # percent of the lines of each source in COVERS

# read_fuzzer NAME: sets program, corpus and covers.
read_fuzzer() { read -r program corpus covers <"build/fuzz/fuzzers/$1"; }

# Prints one line, and everything that the fuzzer said when it found something.
run_fuzzer() {
  local name="$1" seconds="$2" program corpus covers log=".cache/fuzz/$1.log"
  read_fuzzer "$name"
  mkdir -p ".cache/fuzz/$name" .cache/fuzz/crashes
  if ! LLVM_PROFILE_FILE=/dev/null "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -detect_leaks=1 -print_final_stats=1 -verbosity=0 -artifact_prefix=".cache/fuzz/crashes/$name-" \
    ".cache/fuzz/$name" "$corpus" >"$log" 2>&1; then
    cat "$log"
    echo "$name: FOUND SOMETHING; the input is in .cache/fuzz/crashes"
    return 1
  fi
  awk -v name="$name" '/^stat::number_of_executed_units/ { runs = $2 } /^stat::new_units_added/ { added = $2 }
    END { printf "%-12s %9d inputs tried, %5d kept\n", name, runs, added }' "$log"
}

# As many at a time as there are cores.
run_fuzzers() {
  local seconds="$1"
  shift
  say "fuzzing $* for $seconds s each"
  export -f run_fuzzer read_fuzzer
  printf '%s\n' "$@" | xargs -P "$JOBS" -I{} bash -euo pipefail -c "run_fuzzer {} $seconds" ||
    die "see the findings above"
}

# What the corpus in the tree reaches of the sources in COVERS, whatever earlier runs have found.
export_coverage() {
  local name="$1" program corpus covers
  read_fuzzer "$name"
  mkdir -p .cache/fuzz/crashes
  LLVM_PROFILE_FILE=".cache/fuzz/$name.profraw" "$program" -runs=0 -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
    -artifact_prefix=".cache/fuzz/crashes/$name-" "$corpus" >".cache/fuzz/$name.log" 2>&1 ||
    { cat ".cache/fuzz/$name.log"; die "the corpus of $name holds a finding"; }
  llvm-profdata-19 merge -sparse ".cache/fuzz/$name.profraw" -o ".cache/fuzz/$name.profdata"
  # shellcheck disable=SC2086 # a list
  llvm-cov-19 export -summary-only "$program" -instr-profile=".cache/fuzz/$name.profdata" $covers \
    >".cache/fuzz/$name.coverage.json"
}

print_coverage() {
  local exports=() name
  say "lines of the parsers that the corpora reach, at least $FUZZ_MIN_COVERAGE% of each source"
  for name in "$@"; do
    export_coverage "$name"
    exports+=("$name=.cache/fuzz/$name.coverage.json")
  done
  python3 tools/fuzz/coverage.py "$FUZZ_MIN_COVERAGE" src "${exports[@]}"
}

dev_fuzz() {
  local seconds=60 total=0 names=() name
  while [ $# -gt 0 ]; do
    case "$1" in
      --seconds)
        [ $# -ge 2 ] || bad_usage "--seconds needs a number"
        seconds="$2"
        shift
        ;;
      --total)
        [ $# -ge 2 ] || bad_usage "--total needs a number"
        total="$2"
        shift
        ;;
      -*) bad_usage "fuzz does not know $1" ;;
      *) names+=("$1") ;;
    esac
    shift
  done
  dev_deps --test
  configure fuzz
  has_target fuzz fuzzers || die "there are no fuzzers yet"
  [ "${#names[@]}" -gt 0 ] || mapfile -t names < <(ls build/fuzz/fuzzers)
  for name in "${names[@]}"; do
    [ -f "build/fuzz/fuzzers/$name" ] || die "there is no fuzzer '$name' (there are: $(ls build/fuzz/fuzzers | xargs))"
  done
  ninja -C build/fuzz -j "$JOBS" "${names[@]/%/_fuzzer}"
  if [ "$total" -gt 0 ]; then seconds=$((total * JOBS / ${#names[@]})); fi
  # Without a limit libFuzzer would go on for ever, so 0 does not reach it.
  if [ "$seconds" -gt 0 ]; then run_fuzzers "$seconds" "${names[@]}"; fi
  print_coverage "${names[@]}"
  say "fuzzed ${#names[@]} targets for $seconds s each without a finding"
}
