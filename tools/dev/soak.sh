#: Run the long forms of the stress and crash tests (minutes to hours).
#:
#: usage: ./dev soak [CTEST ARGUMENTS]
#:
#: Runs every test with Stress in its name with PRISM_SOAK=1, which raises its rounds; ./dev test runs the same
#: tests in their short form. For example: ./dev soak -R linearizability

source tools/dev/deps.sh

dev_soak() {
  dev_deps --test
  say "building preset soak"
  build soak
  say "running the stress tests in their long form"
  # Verbose: the tests print how much they did, which is what a soak is for.
  ctest --preset soak -j "$JOBS" --verbose "$@"
}
