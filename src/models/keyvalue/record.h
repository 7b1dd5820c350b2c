// Records, writes and expectations as every KeyValue implementation sees them: views of bytes that
// somebody else owns.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace prism::models {

inline constexpr WallMillis kNeverExpires = 0;

// What a store has of a key. A version is opaque text, at least one character, compared for
// equality only.
struct RecordView {
  std::string_view value = {};
  std::string_view tags = {};  // as EncodeTags makes them; empty: none
  std::string_view version = {};
  WallMillis expires_at = kNeverExpires;
};

// What a store is to keep of a key. The views are valid during the call that takes them.
struct KeyValueWrite {
  std::string_view value = {};
  std::string_view tags = {};
  WallMillis expires_at = kNeverExpires;
};

// An expectation of a conditional write that has passed its checks. A version that no store gave is
// one that never holds, not an error.
struct CheckedExpectation {
  enum class Kind : std::uint8_t { kAbsent, kValue, kVersion };
  Kind kind = Kind::kAbsent;
  std::string_view value = {};    // of kValue
  std::string_view version = {};  // of kVersion, not empty
};

// How a conditional write ended.
struct SwapView {
  bool done = false;
  std::string_view version = {};           // the new one when done by a swap, else what is there
  std::optional<RecordView> current = {};  // what is there, when not done and the key exists
};

}  // namespace prism::models
