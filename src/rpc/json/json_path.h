#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace prism::rpc {

// Where a reader or writer is inside a message, for errors: "entries[2].ttl". The names must
// outlive the path. Thread rule: belongs to its reader or writer.
class JsonPath {
 public:
  void EnterField(std::string_view name) { steps_.push_back({.name = name}); }
  void EnterElement(std::size_t index) { steps_.push_back({.index = index, .element = true}); }
  void Leave() { steps_.pop_back(); }

  std::string ToString() const {
    std::string text;
    for (const Step& step : steps_) {
      if (step.element) {
        fmt::format_to(std::back_inserter(text), "[{}]", step.index);
      } else {
        if (!text.empty()) text += '.';
        text += base::TruncateUtf8(step.name, kMaxName);
      }
    }
    return text;
  }

 private:
  // Bytes of a name: unknown ones are as long as the sender likes.
  static constexpr std::size_t kMaxName = 64;

  struct Step {
    std::string_view name = {};
    std::size_t index = 0;
    bool element = false;
  };
  std::vector<Step> steps_;
};

}  // namespace prism::rpc
