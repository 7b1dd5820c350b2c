// What verbs take from files, standard input and arguments.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace prism::cli {

// A VALUE argument: "-" is standard input to its end, "@FILE" is the content of the file, "@@..."
// is "@...", anything else stands for itself. FAILED_PRECONDITION/FILE_UNREADABLE.
Result<std::string> ReadValue(const std::string& argument);

// "--tag name=value", repeated. INVALID_ARGUMENT/BAD_TAG.
Result<std::map<std::string, std::string>> ParseTags(const std::vector<std::string>& tags);

// Lines of a file or of standard input ("-"), without their line ends. Thread rule: one thread.
class LineReader {
 public:
  // A stored value of 64 MiB in base64 fits.
  static constexpr std::size_t kMaxLineBytes = 96u << 20;

  static Result<LineReader> Open(const std::string& path);

  // The next line; nothing at the end. INVALID_ARGUMENT/LINE_TOO_LONG,
  // FAILED_PRECONDITION/FILE_UNREADABLE.
  Result<std::optional<std::string>> Next();
  // Of the line that Next returned, from 1.
  std::uint64_t line() const { return line_; }
  std::uint64_t bytes_read() const { return bytes_; }
  // Of a regular file; 0 when unknown.
  std::uint64_t total_bytes() const { return total_; }

 private:
  struct Closer {
    void operator()(std::FILE* file) const;
  };
  LineReader(std::FILE* file, std::string name) : file_(file), name_(std::move(name)) {}

  std::unique_ptr<std::FILE, Closer> file_;
  std::string name_;
  std::uint64_t line_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace prism::cli
