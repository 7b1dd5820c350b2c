#include "branching/scram/attributes.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/base64.h"
#include "branching/scram/verifier.h"

namespace prism::branching {
namespace {

bool IsLetter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

std::optional<std::string> DecodePadded(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  return base::Base64Decode(text);
}

}  // namespace

std::optional<Attribute> AttributeReader::Next() {
  if (at_end()) return std::nullopt;
  const std::string_view rest = message_.substr(next_);
  if (rest.size() < 2 || !IsLetter(rest[0]) || rest[1] != '=') return std::nullopt;
  const std::size_t end = rest.find(',');
  const std::string_view value = rest.substr(2, end == rest.npos ? end : end - 2);
  if (value.contains('\0')) return std::nullopt;
  const Attribute attribute{.name = rest[0], .value = value, .offset = next_};
  next_ = end == rest.npos ? end : next_ + end + 1;
  return attribute;
}

std::optional<std::string_view> AttributeReader::Next(char name) {
  const auto attribute = Next();
  if (!attribute || attribute->name != name) return std::nullopt;
  return attribute->value;
}

bool AttributeReader::SkipRest() {
  while (!at_end()) {
    const auto extension = Next();
    if (!extension || extension->name == 'm') return false;
  }
  return true;
}

bool IsNonce(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7e && c != ','; });
}

std::optional<std::uint32_t> ParseIterations(std::string_view text) {
  std::uint32_t count = 0;
  const char* end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, count);
  if (failed != std::errc() || at != end || text.starts_with('0')) return std::nullopt;
  if (count > kMaxIterations) return std::nullopt;
  return count;
}

std::optional<std::string> ParseSalt(std::string_view text) {
  auto salt = DecodePadded(text);
  if (!salt || salt->empty() || salt->size() > kMaxSaltLength) return std::nullopt;
  return salt;
}

std::optional<ScramKey> ParseKey(std::string_view text) {
  ScramKey key{};
  const auto bytes = DecodePadded(text);
  if (!bytes || bytes->size() != key.size()) return std::nullopt;
  std::ranges::copy(*bytes, key.begin());
  return key;
}

}  // namespace prism::branching
