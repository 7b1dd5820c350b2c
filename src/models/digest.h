// SHA-256 as the implementations of all models use it: for request ids and for page tokens.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace prism::models {

// 128 bits of a SHA-256. Fixed size, so that an id costs the same whatever the client sent.
struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Digest&) const = default;
};

// The first 128 bits of the SHA-256 of all parts, each preceded by its length, so that different
// lists of parts never give the same input.
Digest DigestOf(std::span<const std::string_view> parts);

// The first 128 bits of HMAC-SHA256 over the parts, lengths included as above.
std::array<unsigned char, 16> AuthenticationCode(std::span<const unsigned char> key,
                                                 std::span<const std::string_view> parts);

}  // namespace prism::models
