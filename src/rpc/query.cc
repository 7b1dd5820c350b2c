#include "rpc/query.h"

#include <utility>

#include "base/percent.h"

namespace prism::rpc {
std::string_view PathOf(std::string_view target) { return target.substr(0, target.find('?')); }

std::string_view QueryOf(std::string_view target) {
  const std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

std::optional<std::string> DecodeQueryText(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    const std::optional<char> escaped = base::PercentEscapeAt(text, i);
    if (!escaped) return std::nullopt;
    out.push_back(*escaped);
    i += 2;
  }
  return out;
}

Result<std::optional<QueryParameter>> QueryReader::Next() {
  while (rest_.starts_with('&')) rest_.remove_prefix(1);
  if (rest_.empty()) return std::nullopt;
  const std::string_view pair = rest_.substr(0, rest_.find('&'));
  rest_.remove_prefix(pair.size());
  const std::size_t equals = pair.find('=');
  std::optional<std::string> name = DecodeQueryText(pair.substr(0, equals));
  std::optional<std::string> value =
      DecodeQueryText(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
  if (!name || !value) {
    return std::unexpected(Error(Code::kInvalidArgument, "QUERY_MALFORMED",
                                 "the query of the URL has a '%' that is not followed by two "
                                 "hexadecimal digits: a '%' that is meant is %25"));
  }
  return QueryParameter{.name = *std::move(name), .value = *std::move(value)};
}

}  // namespace prism::rpc
