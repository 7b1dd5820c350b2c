// One thing that was looked at, and what is wrong with it.
#pragma once

#include <cstdint>
#include <string>

namespace prism::branching {

enum class Health : std::uint8_t {
  kFine,
  kNote,    // works, and could be better; or is in the making
  kUnwell,  // something does not work, or is lost
};

struct Finding {
  Health health = Health::kFine;
  std::string about;        // "journal", "branch review", "volume 01j..."
  std::string says;         // a sentence
  std::string advice = {};  // what to do; empty: nothing
  bool mendable = false;    // `prism doctor --repair` puts it right, and so does the next start
};

}  // namespace prism::branching
