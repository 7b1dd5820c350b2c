// Everything that is wrong with a configuration file, so that a person mends it in one go.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace prism::namespaces {

// A place in a file, both from 1.
struct Mark {
  int line = 1;
  int column = 1;

  auto operator<=>(const Mark&) const = default;
};

struct Problem {
  Mark mark;
  std::string reason;   // UPPER_SNAKE, stable
  std::string message;  // what is wrong and what would be right
};

// Collects problems while a file is read. One thread.
class Problems {
 public:
  // More than this are not kept: nobody reads them, and a hostile file must not cost memory.
  static constexpr std::size_t kMaxKept = 100;

  // `file` as the user named it.
  explicit Problems(std::string file) : file_(std::move(file)) {}

  void Add(Mark mark, std::string_view reason, std::string message);

  bool empty() const { return all_.empty(); }
  const std::vector<Problem>& all() const { return all_; }

  // INVALID_ARGUMENT with all problems, in the order of the file, in message and fields. The reason
  // is the problem's own when there is one, CONFIG_INVALID otherwise. Not empty.
  Error ToError() &&;

 private:
  std::string file_;
  std::vector<Problem> all_;
  std::size_t dropped_ = 0;
};

}  // namespace prism::namespaces
