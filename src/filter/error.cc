#include "filter/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace prism::filter {
namespace {

constexpr std::size_t kQuotedBytes = 40;

}  // namespace

std::string Quote(std::string_view text) {
  std::string head(base::TruncateUtf8(text, kQuotedBytes));
  // A message is one line.
  std::ranges::replace_if(head, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return fmt::format("\"{}{}\"", head, head.size() < text.size() ? "..." : "");
}

Error Refusal(std::string_view reason, std::size_t column, std::string_view what) {
  return Error(Code::kInvalidArgument, reason, fmt::format("filter, column {}: {}", column, what))
      .With("column", fmt::to_string(column))
      .WithField("filter", std::string(what));
}

Error Malformed(std::size_t column, std::string_view expected, std::string_view found) {
  const std::string what = found.empty()
                               ? fmt::format("expected {}, and the filter ends", expected)
                               : fmt::format("expected {}, found {}", expected, Quote(found));
  return Refusal(kMalformed, column, what).With("expected", std::string(expected));
}

}  // namespace prism::filter
