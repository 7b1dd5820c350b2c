#include "filter/condition.h"

#include <cmath>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace prism::filter {
namespace {

auto Comparable(const Instant& time) { return std::tuple(time.seconds, time.nanos); }
template <class T>
  requires std::is_arithmetic_v<T>
T Comparable(T value) {
  return value;
}

template <class T>
bool CompareOrdered(Operator op, const T& value, const T& operand) {
  switch (op) {
    case Operator::kEquals:
      return value == operand;
    case Operator::kLess:
      return value < operand;
    case Operator::kLessEquals:
      return value <= operand;
    case Operator::kGreater:
      return value > operand;
    case Operator::kGreaterEquals:
      return value >= operand;
    default:
      return false;
  }
}

bool CompareText(Operator op, std::string_view value, std::string_view operand) {
  switch (op) {
    case Operator::kStartsWith:
      return value.starts_with(operand);
    case Operator::kEndsWith:
      return value.ends_with(operand);
    case Operator::kContains:
      return value.contains(operand);
    default:
      return CompareOrdered(op, value, operand);
  }
}

bool IsPresent(const Value& value) {
  return std::visit(
      []<class T>(const T& one) {
        if constexpr (std::is_same_v<T, std::monostate>) {
          return false;
        } else if constexpr (std::is_same_v<T, std::string_view>) {
          return !one.empty();
        } else if constexpr (std::is_same_v<T, double>) {
          return one != 0 && !std::isnan(one);
        } else if constexpr (std::is_same_v<T, Instant>) {
          return true;
        } else {
          return one != T{};
        }
      },
      value);
}

bool HoldsForValue(const Condition& condition, const Value& value) {
  if (condition.op == Operator::kPresent) return IsPresent(value);
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    const auto* operand = std::get_if<std::string>(&condition.operand);
    return operand != nullptr && CompareText(condition.op, *text, *operand);
  }
  return std::visit(
      [&]<class T>(const T& one) {
        if constexpr (std::is_same_v<T, std::monostate> || std::is_same_v<T, std::string_view>) {
          return false;
        } else {
          const auto* operand = std::get_if<T>(&condition.operand);
          return operand != nullptr &&
                 CompareOrdered(condition.op, Comparable(one), Comparable(*operand));
        }
      },
      value);
}

// Of a list, `value` is nothing.
bool HoldsForElement(const Condition& condition, std::string_view element, std::string_view value) {
  const bool by_key = condition.part == Part::kMapValue;
  if (by_key && element != condition.key) return false;
  if (condition.op == Operator::kPresent) return true;
  const auto* operand = std::get_if<std::string>(&condition.operand);
  return operand != nullptr && CompareText(condition.op, by_key ? value : element, *operand);
}

}  // namespace

bool Holds(const Condition& condition, const Record& record) {
  if (condition.part == Part::kWhole) return HoldsForValue(condition, record.At(condition.field));
  // Captures one pointer, so that the function object needs no memory of its own.
  return record.Any(condition.field,
                    [&condition](std::string_view element, std::string_view value) {
                      return HoldsForElement(condition, element, value);
                    });
}

}  // namespace prism::filter
