#include "filter/sql.h"

#include <fmt/format.h>

#include <iterator>
#include <limits>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "filter/error.h"

namespace prism::filter {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

std::string_view SignOf(Operator op) {
  switch (op) {
    case Operator::kLess:
      return "<";
    case Operator::kLessEquals:
      return "<=";
    case Operator::kGreater:
      return ">";
    case Operator::kGreaterEquals:
      return ">=";
    default:
      return "=";
  }
}

std::int64_t PerSecond(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds:
      return 1;
    case TimeUnit::kMillis:
      return 1'000;
    case TimeUnit::kMicros:
      return 1'000'000;
    case TimeUnit::kNanos:
      return kNanosPerSecond;
  }
  std::unreachable();
}

// A time in the unit of a column: the last whole count that is not above it, and whether that is
// the time itself. Beyond the range of 64 bits, `side` says where, and count is the limit there.
struct Count {
  std::int64_t count = 0;
  bool exact = false;
  int side = 0;
};

Count CountOf(const Instant& time, TimeUnit unit) {
  const std::int64_t per_second = PerSecond(unit);
  const std::int64_t nanos_per_unit = kNanosPerSecond / per_second;
  Count result{.exact = time.nanos % nanos_per_unit == 0};
  // From the second nearer to 1970, so that nothing overflows on the way to a count that fits.
  const bool before = time.seconds < 0;
  const std::int64_t rest = time.nanos / nanos_per_unit - (before ? per_second : 0);
  if (__builtin_mul_overflow(time.seconds + (before ? 1 : 0), per_second, &result.count) ||
      __builtin_add_overflow(result.count, rest, &result.count)) {
    using Limit = std::numeric_limits<std::int64_t>;
    result.side = before ? -1 : 1;
    result.count = result.side < 0 ? Limit::min() : Limit::max();
    result.exact = false;
  }
  return result;
}

class Writer {
 public:
  Writer(const Schema& schema, int first) : schema_(schema), next_(first) {}

  Status Write(const BoundNode& node) {
    switch (node.kind) {
      case BoundNode::Kind::kAnd:
        return WriteJoined(node, " AND ", "1");
      case BoundNode::Kind::kOr:
        return WriteJoined(node, " OR ", "0");
      case BoundNode::Kind::kNot:
        // What may be NULL inside counts as false there.
        Append("((");
        TRY(Write(node.children.front()));
        Append(") IS NOT TRUE)");
        return {};
      case BoundNode::Kind::kCondition:
        return WriteCondition(node.condition);
    }
    std::unreachable();
  }

  SqlCondition Finish() && { return std::move(out_); }

 private:
  template <class... T>
  void Append(fmt::format_string<T...> format, T&&... values) {
    fmt::format_to(std::back_inserter(out_.text), format, std::forward<T>(values)...);
  }

  std::string Parameter(SqlValue value) {
    out_.parameters.push_back(std::move(value));
    return fmt::format("?{}", next_++);
  }

  Status WriteJoined(const BoundNode& node, std::string_view separator, std::string_view empty) {
    if (node.children.empty()) {
      Append("{}", empty);
      return {};
    }
    Append("(");
    for (const BoundNode& child : node.children) {
      if (&child != &node.children.front()) Append("{}", separator);
      TRY(Write(child));
    }
    Append(")");
    return {};
  }

  Status WriteCondition(const Condition& condition) {
    const Field& field = schema_.at(condition.field);
    if (field.column.empty()) {
      return std::unexpected(
          Error(Code::kFailedPrecondition, kFieldNotStored,
                fmt::format("filter: {} is not stored, so it can't be searched for", field.name)));
    }
    if (condition.part == Part::kWhole) {
      WriteValue(condition, field);
    } else {
      WriteElements(condition, field);
    }
    return {};
  }

  void WriteElements(const Condition& condition, const Field& field) {
    Append("EXISTS (SELECT 1 FROM json_each({}) AS e", field.column);
    std::string_view separator = " WHERE ";
    if (condition.part == Part::kMapValue) {
      Append("{}e.key = {}", separator, Parameter(condition.key));
      separator = " AND ";
    }
    if (condition.op != Operator::kPresent) {
      Append("{}", separator);
      WriteText(condition, condition.part == Part::kKey ? "e.key" : "e.value");
    }
    Append(")");
  }

  void WriteValue(const Condition& condition, const Field& field) {
    if (condition.op == Operator::kPresent) return WritePresent(field);
    if (std::holds_alternative<std::string>(condition.operand)) {
      return WriteText(condition, field.column);
    }
    if (const auto* time = std::get_if<Instant>(&condition.operand)) {
      return WriteTime(condition.op, field, *time);
    }
    Append("{} {} {}", field.column, SignOf(condition.op), Parameter(Number(condition.operand)));
  }

  void WritePresent(const Field& field) {
    switch (field.type) {
      case Type::kString:
      case Type::kEnum:
        return Append("{} COLLATE BINARY <> ''", field.column);
      case Type::kTimestamp:
      case Type::kDuration:
        return Append("{} IS NOT NULL", field.column);
      default:
        return Append("{} <> 0", field.column);
    }
  }

  // Patterns look at bytes: SQL's own know other wildcards, and fold case.
  void WriteText(const Condition& condition, std::string_view value) {
    const auto& operand = std::get<std::string>(condition.operand);
    const bool pattern = condition.op >= Operator::kStartsWith;
    if (pattern && operand.empty()) return Append("{} IS NOT NULL", value);
    switch (condition.op) {
      case Operator::kStartsWith:
        return Append("substr(CAST({} AS BLOB), 1, {}) = {}", value, operand.size(),
                      Parameter(Bytes(operand)));
      case Operator::kEndsWith:
        return Append("substr(CAST({} AS BLOB), -{}) = {}", value, operand.size(),
                      Parameter(Bytes(operand)));
      case Operator::kContains:
        return Append("instr(CAST({} AS BLOB), {}) > 0", value, Parameter(Bytes(operand)));
      default:
        return Append("{} COLLATE BINARY {} {}", value, SignOf(condition.op), Parameter(operand));
    }
  }

  // count * unit < time holds exactly when count < time in units, rounded up; and so on. Nothing is
  // multiplied in SQL, so nothing overflows there and indexes serve.
  void WriteTime(Operator op, const Field& field, const Instant& time) {
    const Count count = CountOf(time, field.unit);
    if (op == Operator::kEquals && !count.exact) {
      // No count is this time: false, also where there is none.
      return Append("0");
    }
    const bool less = op == Operator::kLess || op == Operator::kLessEquals;
    if (count.side < 0) {
      op = less ? Operator::kLess : Operator::kGreaterEquals;
    } else if (!count.exact) {
      op = less ? Operator::kLessEquals : Operator::kGreater;
    }
    Append("{} {} {}", field.column, SignOf(op), Parameter(count.count));
  }

  static SqlValue Number(const Operand& operand) {
    if (const auto* whole = std::get_if<std::int64_t>(&operand)) return *whole;
    if (const auto* real = std::get_if<double>(&operand)) return *real;
    const auto* truth = std::get_if<bool>(&operand);
    PRISM_CHECK(truth != nullptr, "give every comparison an operand");
    return std::int64_t{*truth ? 1 : 0};
  }

  const Schema& schema_;
  int next_;
  SqlCondition out_;
};

}  // namespace

Result<SqlCondition> ToSql(const Filter& filter, int first_parameter) {
  Writer writer(filter.schema(), first_parameter);
  TRY(writer.Write(filter.root()));
  return std::move(writer).Finish();
}

}  // namespace prism::filter
