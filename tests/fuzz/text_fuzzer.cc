// The small parsers of base/ that read flags, configuration and metadata: whatever is accepted must
// survive being printed and parsed again, and whatever is refused says why.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "base/strings.h"
#include "base/units.h"
#include "base/web_origin.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckDuration(std::string_view text) {
  const auto duration = prism::base::ParseDuration(text);
  if (!duration) return Require(!duration.error().message().empty());
  const auto again = prism::base::ParseDuration(prism::base::FormatDuration(*duration));
  Require(again.has_value() && *again == *duration);
}

void CheckSize(std::string_view text) {
  const auto size = prism::base::ParseSize(text);
  if (!size) return Require(!size.error().message().empty());
  const auto again = prism::base::ParseSize(prism::base::FormatSize(*size));
  Require(again.has_value() && *again == *size);
  Require(!prism::base::HumanSize(*size).empty());
}

void CheckAscii(std::string_view text) {
  const std::string lower = prism::base::LowerCase(text);
  Require(lower.size() == text.size() && prism::base::EqualsNoCase(text, lower));
  const std::string_view trimmed = prism::base::Trim(text);
  Require(prism::base::Trim(trimmed) == trimmed);
  if (!trimmed.empty() && !trimmed.contains(',')) {
    Require(
        prism::base::HasToken(std::string("a, ") + std::string(text), prism::base::Trim(lower)));
  }
}

void CheckBase64(std::string_view text) {
  Require(prism::base::Base64Decode(prism::base::Base64Encode(text)) == text);
  Require(prism::base::Base64Decode(prism::base::Base64EncodeUnpadded(text)) == text);
  const auto for_urls = prism::base::Base64UrlDecode(text);
  const auto bytes = prism::base::Base64Decode(text);
  Require(prism::base::Base64DecodeEither(text) == (for_urls ? for_urls : bytes));
  if (!bytes) return;
  // One spelling for each value, apart from the padding.
  const std::string canonical = prism::base::Base64Encode(*bytes);
  Require(text == canonical || text == canonical.substr(0, canonical.find('=')));
}

void CheckStrings(std::string_view text) {
  const std::string_view head = text.substr(0, text.size() / 2);
  const std::string_view tail = text.substr(head.size());
  const std::size_t distance = prism::base::EditDistance(head, tail);
  Require(distance == prism::base::EditDistance(tail, head));
  Require((distance == 0) == (head == tail));
  const std::array<std::string, 2> candidates = {std::string(head), std::string(tail)};
  const auto nearest = prism::base::NearestMatch(head, candidates);
  Require(nearest == head);
  if (prism::base::IsValidName(text)) Require(text.size() <= prism::base::kMaxNameLength);
}

void CheckOrigin(std::string_view text) {
  const auto pattern = prism::base::WebOriginPattern::Parse(text);
  if (!pattern) return Require(!pattern.error().message().empty());
  const std::string& written = pattern->text();
  const auto again = prism::base::WebOriginPattern::Parse(written);
  Require(again.has_value() && *again == *pattern);
  // What it is written as is what a browser sends, but for the star.
  Require(pattern->any() || pattern->Matches(written) == (written.find('*') == written.npos));
  Require(pattern->any() == pattern->Matches("null"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckDuration(text);
  CheckSize(text);
  CheckAscii(text);
  CheckBase64(text);
  CheckOrigin(text);
  if (size <= 512) CheckStrings(text);  // the edit distance is quadratic
  return 0;
}
