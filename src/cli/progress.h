// A line on stderr that says how far long work has come: on a terminal only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace prism::cli {

// Shows itself at most ten times a second and wipes itself away at the end. Thread rule: one
// thread.
class Progress {
 public:
  // `what`: "keys imported:"; `total_bytes`: 0 when unknown.
  Progress(std::string what, std::uint64_t total_bytes);
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(std::uint64_t items, std::uint64_t bytes);
  // For work that is counted in something else: `what`, then the text.
  void Update(std::string_view text);
  // Before anything else is printed.
  void Clear();
  // The text of the line, after `elapsed`.
  std::string Describe(std::uint64_t items, std::uint64_t bytes, MonoNanos elapsed) const;

 private:
  bool Due();
  void Print(std::string_view line) const;

  std::string what_;
  std::uint64_t total_bytes_;
  bool enabled_;
  bool shown_ = false;
  MonoNanos start_;
  MonoNanos last_ = 0;
};

}  // namespace prism::cli
