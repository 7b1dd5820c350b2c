#include "filter/binder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/number_text.h"
#include "filter/error.h"

namespace prism::filter {
namespace {

using Kind = BoundNode::Kind;

BoundNode Leaf(Condition condition) {
  return {.kind = Kind::kCondition, .children = {}, .condition = std::move(condition)};
}

BoundNode Not(BoundNode inner) {
  BoundNode outer{.kind = Kind::kNot};
  outer.children.push_back(std::move(inner));
  return outer;
}

bool IsOrdering(Comparator comparator) {
  return comparator != Comparator::kEquals && comparator != Comparator::kNotEquals &&
         comparator != Comparator::kHas;
}

// "!=" is the negation of "=", and ":" of one value is "=".
Operator OperatorOf(Comparator comparator) {
  switch (comparator) {
    case Comparator::kLess:
      return Operator::kLess;
    case Comparator::kLessEquals:
      return Operator::kLessEquals;
    case Comparator::kGreater:
      return Operator::kGreater;
    case Comparator::kGreaterEquals:
      return Operator::kGreaterEquals;
    default:
      return Operator::kEquals;
  }
}

Operator PatternOf(const Literal& literal) {
  if (literal.any_front && literal.any_back) return Operator::kContains;
  if (literal.any_back) return Operator::kStartsWith;
  return literal.any_front ? Operator::kEndsWith : Operator::kEquals;
}

Instant Normalized(Instant time) {
  if (time.nanos < 0) {
    time.nanos += 1'000'000'000;
    --time.seconds;
  }
  return time;
}

template <class T>
std::optional<Operand> Converted(const std::expected<T, base::TextFault>& value) {
  if (!value) return std::nullopt;
  return Operand(*value);
}

std::optional<Operand> ConvertDuration(std::string_view text) {
  const auto duration = base::ParseSeconds(text);
  if (!duration) return std::nullopt;
  return Normalized(*duration);
}

std::optional<Operand> ConvertBool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

// The value of a literal for a type that is not text.
std::optional<Operand> Convert(const Field& field, const Literal& literal) {
  if (literal.HasWildcard()) return std::nullopt;
  switch (field.type) {
    case Type::kInt64:
      return Converted(base::ParseSigned(literal.text));
    case Type::kDouble:
      return Converted(base::ParseDouble(literal.text));
    case Type::kBool:
      return ConvertBool(literal.text);
    case Type::kTimestamp:
      return Converted(base::ParseTimestamp(literal.text));
    case Type::kDuration:
      return ConvertDuration(literal.text);
    case Type::kEnum:
      if (std::ranges::find(field.names, literal.text) == field.names.end()) return std::nullopt;
      return literal.text;
    default:
      return std::nullopt;
  }
}

Error Mismatch(const Field& field, const Literal& literal) {
  const bool is_enum = field.type == Type::kEnum;
  const std::string expected = is_enum ? fmt::format("one of {}", fmt::join(field.names, ", "))
                                       : std::string(TypeName(field.type));
  return Refusal(kTypeMismatch, literal.column,
                 fmt::format("{} is {}, not {}", field.name, expected, Quote(literal.source)));
}

Error Unsupported(const Field& field, const Literal& literal, std::string_view allowed) {
  return Refusal(kOperatorUnsupported, literal.column,
                 fmt::format("{} is {}: it is compared with {} only", field.name,
                             TypeName(field.type), allowed));
}

class Binder {
 public:
  explicit Binder(const Schema& schema) : schema_(schema) {}

  Result<BoundNode> Run(const Expression& expression) {
    switch (expression.kind) {
      case Expression::Kind::kAnd:
        return BindChildren(Kind::kAnd, expression);
      case Expression::Kind::kOr:
        return BindChildren(Kind::kOr, expression);
      case Expression::Kind::kNot:
        return BindChildren(Kind::kNot, expression);
      case Expression::Kind::kComparison:
        return BindComparison(expression);
      case Expression::Kind::kSearch:
        return BindSearch(expression.literal);
      case Expression::Kind::kCall:
        return BindCall(expression.call);
    }
    std::unreachable();
  }

 private:
  Result<BoundNode> BindChildren(Kind kind, const Expression& expression) {
    BoundNode node{.kind = kind};
    for (const Expression& child : expression.children) {
      TRY_ASSIGN(BoundNode bound, Run(child));
      node.children.push_back(std::move(bound));
    }
    return node;
  }

  Result<BoundNode> BindComparison(const Expression& expression) {
    TRY(CheckWildcards(expression.literal));
    TRY_ASSIGN(auto target, schema_.Resolve(expression.member));
    const Comparator comparator = expression.comparator;
    TRY_ASSIGN(Condition condition,
               BindCondition(std::move(target), comparator, expression.literal));
    BoundNode leaf = Leaf(std::move(condition));
    return comparator == Comparator::kNotEquals ? Not(std::move(leaf)) : std::move(leaf);
  }

  Result<Condition> BindCondition(Schema::Resolved target, Comparator comparator,
                                  const Literal& literal) {
    const Field& field = schema_.at(target.field);
    Condition condition{.field = target.field, .part = PartOf(field, target)};
    if (target.key) condition.key = *std::move(target.key);
    if (comparator == Comparator::kHas && literal.IsAny()) return condition;
    if (condition.part == Part::kElement || condition.part == Part::kKey) {
      if (comparator != Comparator::kHas) {
        return std::unexpected(Unsupported(field, literal, "\":\""));
      }
      TRY(BindText(condition, comparator, literal));
    } else if (condition.part == Part::kMapValue) {
      TRY(BindText(condition, comparator, literal));
    } else if (field.type == Type::kString) {
      TRY(BindText(condition, comparator, literal));
      const bool contains = comparator == Comparator::kHas && !literal.HasWildcard();
      if (contains) condition.op = Operator::kContains;
    } else {
      TRY(BindTyped(condition, comparator, literal));
    }
    return condition;
  }

  static Part PartOf(const Field& field, const Schema::Resolved& target) {
    if (target.key) return Part::kMapValue;
    if (field.type == Type::kStringList) return Part::kElement;
    return field.type == Type::kStringMap ? Part::kKey : Part::kWhole;
  }

  static Status BindText(Condition& into, Comparator comparator, const Literal& literal) {
    if (IsOrdering(comparator) && literal.HasWildcard()) {
      return std::unexpected(Refusal(kWildcardMisplaced, literal.column,
                                     "wildcards have no order; a plain star is written \\*"));
    }
    into.op = literal.HasWildcard() ? PatternOf(literal) : OperatorOf(comparator);
    into.operand = literal.text;
    return {};
  }

  Status BindTyped(Condition& into, Comparator comparator, const Literal& literal) {
    const Field& field = schema_.at(into.field);
    if (IsOrdering(comparator) && (field.type == Type::kBool || field.type == Type::kEnum)) {
      return std::unexpected(Unsupported(field, literal, "\"=\", \"!=\" and \":\""));
    }
    auto operand = Convert(field, literal);
    if (!operand) return std::unexpected(Mismatch(field, literal));
    into.op = OperatorOf(comparator);
    into.operand = *std::move(operand);
    return {};
  }

  Result<BoundNode> BindCall(const Call& call) {
    PRISM_CHECK(!expanding_, "let no function expand to a call");
    TRY_ASSIGN(const Expression meant, schema_.Expand(call));
    expanding_ = true;
    auto bound = Run(meant);
    expanding_ = false;
    return bound;
  }

  // A value alone asks `field:value` of every searched field.
  Result<BoundNode> BindSearch(const Literal& literal) {
    TRY(CheckWildcards(literal));
    BoundNode any{.kind = Kind::kOr};
    for (std::size_t i = 0; i < schema_.fields().size(); ++i) {
      if (!schema_.at(i).searched) continue;
      TRY_ASSIGN(Condition condition, BindCondition({.field = i}, Comparator::kHas, literal));
      any.children.push_back(Leaf(std::move(condition)));
    }
    if (!any.children.empty()) return any;
    return std::unexpected(
        Refusal(kFieldMissing, literal.column,
                fmt::format("{} wants a field and an operator before it: field = {}",
                            Quote(literal.source), Quote(literal.source))));
  }

  static Status CheckWildcards(const Literal& literal) {
    if (!literal.any_inside) return {};
    return std::unexpected(Refusal(kWildcardMisplaced, literal.column,
                                   "wildcards stand at the ends of a value only; a plain star is "
                                   "written \\* in quotes"));
  }

  const Schema& schema_;
  bool expanding_ = false;
};

}  // namespace

Result<BoundNode> Bind(const Expression& expression, const Schema& schema) {
  return Binder(schema).Run(expression);
}

}  // namespace prism::filter
