// What the embedded engine reads back: versions from clients, tags and numbers from stored records.

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "engine/decimal.h"
#include "engine/keyvalue/record_fields.h"
#include "engine/keyvalue/version_text.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
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
  if (!number) return;
  Require(prism::engine::ParseDecimal(std::to_string(*number)) == number);
  const auto sum = prism::engine::AddDecimal(*number, 1);
  Require(sum ? *sum == *number + 1 : *number == std::numeric_limits<std::int64_t>::max());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckVersion(bytes);
  CheckTags(bytes);
  CheckDecimal(bytes);
  return 0;
}
