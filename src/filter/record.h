// What a filter looks at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <variant>

#include "base/time_text.h"

namespace prism::filter {

// A timestamp (since 1970, UTC) or a duration, in one form for both signs: `nanos` is always
// between 0 and 999,999,999, so -0.5 s is {-1, 500,000,000}.
using Instant = base::SecondsAndNanos;

// Nothing; strings and enums; kInt64; kDouble (NaN is nothing); kBool; both kinds of time.
using Value = std::variant<std::monostate, std::string_view, std::int64_t, double, bool, Instant>;

// One thing that a filter is asked about. Views are valid while the record is. Text is UTF-8
// without NUL, which SQL can't hold.
class Record {
 public:
  // Of a list the element and nothing, of a map the key and its value. True ends the walk.
  using Visit = std::function<bool(std::string_view element, std::string_view value)>;

  virtual ~Record() = default;
  // `field` is an index of the schema, whose type is neither a list nor a map. A value of another
  // type than the schema says counts as missing.
  virtual Value At(std::size_t field) const = 0;
  // Whether `visit` is true for any element of a list or map.
  virtual bool Any(std::size_t field, const Visit& visit) const = 0;
};

}  // namespace prism::filter
