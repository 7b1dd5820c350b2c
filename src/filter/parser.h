// The grammar of AIP-160 (google.aip.dev/160, its file ebnf-filtering.txt).
#pragma once

#include <cstddef>
#include <string_view>

#include "base/status.h"
#include "filter/expression.h"

namespace prism::filter {

// What one filter may cost. The depth also bounds the recursion of everything that walks a tree.
struct Limits {
  std::size_t max_bytes = 4096;
  std::size_t max_clauses = 20;  // comparisons, values and calls
  std::size_t max_depth = 5;     // parentheses inside each other
};

// The tree of a filter; of an empty one, an AND of nothing, which holds for everything.
//
// Where the grammar leaves a choice:
// * AND (or a space) and OR side by side are refused (kAmbiguous): OR binds tighter here, which
//   nobody expects. Parentheses say what is meant.
// * Quoted strings have the escapes \" \' \\ \* \n \r \t. A "*" without a backslash is a wildcard.
// * Values without quotes may have dots, colons between digits, and a sign at the front, so that
//   numbers and timestamps need no quotes: `n > -1.5`, `t < 2026-11-21T08:00:00+01:00`.
// * `f = (a OR b)` compares f with each; `f != (...)` is its negation. Inside, a "-" before a digit
//   is a sign, elsewhere a negation.
//
// INVALID_ARGUMENT with kMalformed, kAmbiguous or kTooComplex. Takes any bytes. Pure.
Result<Expression> Parse(std::string_view text, const Limits& limits = {});

}  // namespace prism::filter
