#: Run the long forms of the stress and crash tests (minutes to hours).
#:
#: usage: ./dev soak [CTEST ARGUMENTS]
#:
#: Runs every test with Stress in its name with PRISM_SOAK=1, which raises its rounds; ./dev test runs the same
#: tests in their short form. For example: ./dev soak -R linearizability
#: Without arguments it also fuzzes: one hour for all fuzzers together, in equal parts (./dev fuzz --total 3600). A crash,
#: a leak, and a corpus that reaches too little of its parser fail it.

source tools/dev/deps.sh
source tools/dev/fuzz.sh

SOAK_FUZZ_SECONDS=3600

dev_soak() {
  dev_deps --test
  say "building preset soak"
  build soak
  say "running the stress tests in their long form"
  # Verbose: the tests print how much they did, which is what a soak is for.
  ctest --preset soak -j "$JOBS" --verbose "$@"
  [ $# -gt 0 ] || dev_fuzz --total "$SOAK_FUZZ_SECONDS"
}
