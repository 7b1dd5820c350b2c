// SHA-256 as the engine uses it: for request ids and for page tokens.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "engine/dedup_store.h"

namespace prism::engine {

// The first 128 bits of the SHA-256 of all parts, each preceded by its length, so that different
// lists of parts never give the same input.
Digest DigestOf(std::span<const std::string_view> parts);

// The first 128 bits of HMAC-SHA256 over the parts, lengths included as above.
std::array<unsigned char, 16> AuthenticationCode(std::span<const unsigned char> key,
                                                 std::span<const std::string_view> parts);

}  // namespace prism::engine
