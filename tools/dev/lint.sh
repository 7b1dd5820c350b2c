#: Check formatting, layers, file sizes, forbidden words, module READMEs, and clang-tidy.
#:
#: usage: ./dev lint [--changed [BASE]] [CHECK...]
#:
#:   --changed [BASE]  clang-tidy only on sources that differ from BASE (default: main)
#:   CHECK             format, layers, sizes, words, readmes, tidy; all when none is named

source tools/dev/deps.sh

dev_lint() {
  dev_deps --test
  configure dev
  # clang-tidy reads headers that the build generates.
  if has_target dev generated; then ninja -C build/dev -j "$JOBS" generated; fi
  say "lint"
  /usr/bin/python3 tools/lint/lint.py --jobs "$JOBS" "$@"
}
