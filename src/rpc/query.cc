#include "rpc/query.h"

#include <utility>

namespace prism::rpc {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

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
    if (text.size() - i < 3) return std::nullopt;
    const int high = HexValue(text[i + 1]);
    const int low = HexValue(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
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
