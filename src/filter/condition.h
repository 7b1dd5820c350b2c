// One question about one field, of the field's type: what both the evaluator and SQL work from, so
// that they can't disagree about types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "filter/record.h"

namespace prism::filter {

// What a condition looks at in its field.
enum class Part : std::uint8_t {
  kWhole,     // the value
  kElement,   // any element of a list
  kKey,       // any key of a map
  kMapValue,  // the value of `key` in a map
};

enum class Operator : std::uint8_t {
  kPresent,  // a value other than the default of its type; of lists and maps, any element
  kEquals,
  kLess,
  kLessEquals,
  kGreater,
  kGreaterEquals,
  // Of text:
  kStartsWith,
  kEndsWith,
  kContains,
};

using Operand = std::variant<std::monostate, std::string, std::int64_t, double, bool, Instant>;

struct Condition {
  std::size_t field = 0;
  Part part = Part::kWhole;
  Operator op = Operator::kPresent;
  std::string key = {};
  Operand operand = {};  // nothing for kPresent
};

// False when the value is missing, whatever the operator. Text is compared byte by byte.
bool Holds(const Condition& condition, const Record& record);

// The tree of a filter whose fields are known.
struct BoundNode {
  enum class Kind : std::uint8_t { kAnd, kOr, kNot, kCondition };
  Kind kind = Kind::kAnd;
  std::vector<BoundNode> children = {};
  Condition condition = {};
};

}  // namespace prism::filter
