#include "base/utf8.h"

#include <cstdint>
#include <cstring>

namespace prism::base {

namespace {

// How many bytes the character at `text` has; 0: there is none (RFC 3629 section 4).
std::size_t CharacterLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return follows(1) ? 2 : 0;
  if (first < 0xF0) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
    if (first == 0xED && byte(1) >= 0xA0) return 0;  // surrogate
    return 3;
  }
  if (first < 0xF5) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;   // overlong
    if (first == 0xF4 && byte(1) >= 0x90) return 0;  // above U+10FFFF
    return 4;
  }
  return 0;
}

}  // namespace

bool IsValidUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    if (bytes.size() >= sizeof(word)) {
      std::memcpy(&word, bytes.data(), sizeof(word));
      if ((word & 0x8080'8080'8080'8080) == 0) {
        bytes.remove_prefix(sizeof(word));
        continue;
      }
    }
    const bool ascii = static_cast<std::uint8_t>(bytes.front()) < 0x80;
    const std::size_t length = ascii ? 1 : CharacterLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string_view TruncateUtf8(std::string_view bytes, std::size_t limit) {
  if (bytes.size() <= limit) return bytes;
  while (limit > 0 && (static_cast<std::uint8_t>(bytes[limit]) & 0xC0) == 0x80) --limit;
  return bytes.substr(0, limit);
}

}  // namespace prism::base
