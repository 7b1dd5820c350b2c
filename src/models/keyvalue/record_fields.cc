#include "models/keyvalue/record_fields.h"

#include <algorithm>
#include <vector>

namespace prism::models {
namespace {

std::unexpected<Error> Damaged() {
  return std::unexpected(
      Error(Code::kDataLoss, "RECORD_DAMAGED",
            "The tags of a stored record can't be read. Restore the namespace from a "
            "backup, or overwrite the key."));
}

// Takes `size` bytes from the front; nothing when there are fewer.
std::optional<std::string_view> Take(std::string_view& bytes, std::size_t size) {
  if (bytes.size() < size) return std::nullopt;
  const std::string_view taken = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return taken;
}

std::size_t Byte(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

}  // namespace

std::string EncodeTags(const TagMap& tags) {
  std::vector<const TagMap::value_type*> pairs;
  for (const auto& pair : tags) pairs.push_back(&pair);
  std::ranges::sort(pairs, {}, [](const auto* pair) -> std::string_view { return pair->first; });
  std::string bytes;
  for (const auto* pair : pairs) {
    bytes.push_back(static_cast<char>(pair->first.size()));
    bytes.append(pair->first);
    bytes.push_back(static_cast<char>(pair->second.size() & 0xFF));
    bytes.push_back(static_cast<char>(pair->second.size() >> 8));
    bytes.append(pair->second);
  }
  return bytes;
}

Status DecodeTags(std::string_view bytes, TagMap& tags) {
  while (!bytes.empty()) {
    const auto key_size = Take(bytes, 1);
    const auto key = Take(bytes, Byte(*key_size, 0));
    const auto value_size = key ? Take(bytes, 2) : std::nullopt;
    if (!value_size) return Damaged();
    const auto value = Take(bytes, Byte(*value_size, 0) | (Byte(*value_size, 1) << 8));
    if (!value) return Damaged();
    tags[std::string(*key)] = std::string(*value);
  }
  return {};
}

void SetTimestamp(WallMillis millis, google::protobuf::Timestamp& to) {
  to.set_seconds(millis / 1000);
  to.set_nanos(static_cast<std::int32_t>(millis % 1000) * 1'000'000);
}

void SetDuration(std::int64_t millis, google::protobuf::Duration& to) {
  to.set_seconds(millis / 1000);
  to.set_nanos(static_cast<std::int32_t>(millis % 1000) * 1'000'000);
}

}  // namespace prism::models
