#: Format every C++ source in place with clang-format-19.
#:
#: usage: ./dev format

source tools/dev/deps.sh

dev_format() {
  [ $# = 0 ] || bad_usage "format takes no arguments"
  dev_deps --test
  git ls-files -z --cached --others --exclude-standard '*.h' '*.cc' | xargs -0 -r clang-format-19 -i
}
