// What a filter says, before anyone has asked whether its fields exist.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace prism::filter {

enum class Comparator : std::uint8_t {
  kEquals,
  kNotEquals,
  kLess,
  kLessEquals,
  kGreater,
  kGreaterEquals,
  kHas,  // ":"
};

// A value as it was written, not yet of any type.
struct Literal {
  std::string text = {};    // without quotes, escapes, and the wildcards at its ends
  std::string source = {};  // as written, for messages
  bool any_front = false;   // "*" at the front
  bool any_back = false;    // "*" at the end
  bool any_inside = false;  // "*" elsewhere, which nothing takes
  std::size_t column = 1;   // where it begins, in characters from 1

  bool HasWildcard() const { return any_front || any_back || any_inside; }
  // "*" alone: behind ":" it asks whether there is anything.
  bool IsAny() const { return text.empty() && (any_front || any_back); }
};

// The left side of a comparison: "a.b.c".
struct Member {
  std::vector<std::string> parts = {};
  std::size_t column = 1;
};

// A function and its arguments, all of which are literals.
struct Call {
  std::string name = {};
  std::vector<Literal> arguments = {};
  std::size_t column = 1;
};

// One node of the tree. A value: copies are deep.
struct Expression {
  enum class Kind : std::uint8_t {
    kAnd,         // children; true without any
    kOr,          // children, at least two
    kNot,         // one child
    kComparison,  // member, comparator, literal
    kSearch,      // literal: a value without a field
    kCall,        // call
  };

  Kind kind = Kind::kAnd;
  std::vector<Expression> children = {};
  Member member = {};
  Comparator comparator = Comparator::kEquals;
  Literal literal = {};
  Call call = {};
};

}  // namespace prism::filter
