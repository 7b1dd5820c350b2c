// Numbers as short opaque strings: versions and handles.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace prism::models {

// A number in base 32, at most 13 characters: short enough that a std::string keeps it without
// allocation.
class VersionText {
 public:
  explicit VersionText(std::uint64_t number);
  std::string_view view() const { return {text_.data() + start_, text_.size() - start_}; }

 private:
  std::array<char, 13> text_;
  std::size_t start_;
};

// The number of a VersionText; nothing when no VersionText looks like this.
std::optional<std::uint64_t> ParseVersion(std::string_view text);

}  // namespace prism::models
