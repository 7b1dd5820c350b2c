// What can be filtered: the fields of one kind of record, their types, and where SQL finds them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "filter/expression.h"

namespace prism::filter {

enum class Type : std::uint8_t {
  kString,
  kInt64,
  kDouble,
  kBool,
  kTimestamp,
  kDuration,
  kEnum,
  kStringList,
  kStringMap,
};

// What a column of a timestamp or duration counts (timestamps: since 1970, UTC).
enum class TimeUnit : std::uint8_t { kSeconds, kMillis, kMicros, kNanos };

// Columns hold, by type: TEXT; INTEGER; REAL; INTEGER 0 or 1; INTEGER in `unit`, both kinds of
// time; TEXT, the name; TEXT, a JSON array of strings; TEXT, a JSON object of strings. NULL where a
// record has no value.
struct Field {
  // As filters spell it, dots included: "needs.latency_p99_ms".
  std::string name;
  // Another spelling, "latency_p99_ms"; refusals name the first one only. Empty: none.
  std::string also = {};
  Type type = Type::kString;
  // An SQL expression, usually a column. It becomes a part of statements as it is, so it is ours,
  // never a client's. Empty: only records in memory have this field.
  std::string column = {};
  TimeUnit unit = TimeUnit::kSeconds;
  // Of an enum.
  std::vector<std::string> names = {};
  // Whether a value alone, without a field, is looked for here. Strings and lists only.
  bool searched = false;
};

// A function that filters of this schema may call: short for another filter, so that evaluator and
// SQL agree about it by themselves.
struct Function {
  std::string name;           // dots included
  std::size_t arguments = 0;  // exactly
  // What the call is short for; calls no functions. Values that it makes should keep the column of
  // an argument, since that is where a mistake is reported.
  std::function<Expression(std::span<const Literal> arguments)> expand;
};

// The name of a type for people: "a whole number".
std::string_view TypeName(Type type);

// Immutable; one for each kind of record, usually made once at start and outliving every filter.
// Fields keep their order: records and filters name them by index.
class Schema {
 public:
  // A mistake (a name twice, an enum without names, a searched number) ends the process: schemas
  // are code.
  explicit Schema(std::vector<Field> fields, std::vector<Function> functions = {});

  std::span<const Field> fields() const { return fields_; }
  const Field& at(std::size_t index) const { return fields_[index]; }
  std::optional<std::size_t> Find(std::string_view name) const;

  // INVALID_ARGUMENT with kFunctionUnknown, which lists the functions, or with kArgumentsWrong.
  Result<Expression> Expand(const Call& call) const;

  struct Resolved {
    std::size_t field = 0;
    // Behind a map: the rest of the member, dots included ("labels.app.example.com/name").
    std::optional<std::string> key = {};
  };
  // INVALID_ARGUMENT with kFieldUnknown, which lists the fields and suggests the nearest.
  Result<Resolved> Resolve(const Member& member) const;

 private:
  Error Unknown(const Member& member, std::string_view name) const;
  Error NotTraversed(const Member& member, const Field& field) const;

  std::vector<Field> fields_;
  std::vector<Function> functions_;
};

}  // namespace prism::filter
