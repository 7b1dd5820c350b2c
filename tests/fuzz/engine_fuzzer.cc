// What the embedded engine reads back: page tokens and versions from clients, tags and numbers from
// stored records.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/decimal.h"
#include "engine/keyvalue/record_fields.h"
#include "engine/keyvalue/version_text.h"
#include "engine/page_token.h"

namespace {

using prism::engine::TokenKey;
using prism::engine::TokenScope;

void Require(bool holds) {
  if (!holds) std::abort();
}

// Made by us, a token comes back; given by a stranger, it is refused with a reason.
void CheckPageToken(std::string_view bytes) {
  static const TokenKey key = TokenKey::Random();
  const TokenScope scope = {
      .ns = "fuzz", .method = "keyvalue_scan.scan", .query = bytes.substr(0, bytes.size() / 2)};
  const std::string token = prism::engine::MakePageToken(key, scope, bytes);
  const auto position = prism::engine::ReadPageToken(key, scope, token);
  Require(position.has_value() && *position == bytes);
  const auto stranger = prism::engine::ReadPageToken(key, scope, bytes);
  Require(!stranger && stranger.error().reason() == "PAGE_TOKEN_MISMATCH");
}

void CheckVersion(std::string_view text) {
  const auto version = prism::engine::ParseVersion(text);
  if (version) Require(prism::engine::VersionText(*version).view() == text);
}

void CheckTags(std::string_view bytes) {
  prism::engine::TagMap tags;
  const auto decoded = prism::engine::DecodeTags(bytes, tags);
  if (!decoded) return Require(decoded.error().code() == prism::Code::kDataLoss);
  const std::string canonical = prism::engine::EncodeTags(tags);
  prism::engine::TagMap again;
  Require(prism::engine::DecodeTags(canonical, again).has_value());
  Require(again.size() == tags.size() && prism::engine::EncodeTags(again) == canonical);
}

void CheckDecimal(std::string_view text) {
  const auto number = prism::engine::ParseDecimal(text);
  if (number) Require(prism::engine::ParseDecimal(std::to_string(*number)) == number);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckPageToken(bytes);
  CheckVersion(bytes);
  CheckTags(bytes);
  CheckDecimal(bytes);
  return 0;
}
