// What implementations of KeyValue read back: versions from clients, tags and numbers from stored
// records.

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "models/keyvalue/decimal.h"
#include "models/keyvalue/record_fields.h"
#include "models/keyvalue/version_text.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckVersion(std::string_view text) {
  const auto version = prism::models::ParseVersion(text);
  if (version) Require(prism::models::VersionText(*version).view() == text);
}

void CheckTags(std::string_view bytes) {
  prism::models::TagMap tags;
  const auto decoded = prism::models::DecodeTags(bytes, tags);
  if (!decoded) return Require(decoded.error().code() == prism::Code::kDataLoss);
  const std::string canonical = prism::models::EncodeTags(tags);
  prism::models::TagMap again;
  Require(prism::models::DecodeTags(canonical, again).has_value());
  Require(again.size() == tags.size() && prism::models::EncodeTags(again) == canonical);
}

void CheckDecimal(std::string_view text) {
  const auto number = prism::models::ParseDecimal(text);
  if (!number) return;
  Require(prism::models::ParseDecimal(std::to_string(*number)) == number);
  const auto sum = prism::models::AddDecimal(*number, 1);
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
