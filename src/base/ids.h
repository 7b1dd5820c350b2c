// Random identifiers, such as the ids of requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace prism::base {

// 128 bits as Crockford base32, most significant digit first, upper case: 26 digits of which the
// first is 0..7. No I, L, O and U, so that people can read it out.
inline constexpr std::size_t kIdLength = 26;

void EncodeId(std::uint64_t high, std::uint64_t low, std::span<char, kIdLength> out);

// A fresh random id, without allocating. Each thread has a generator of its own, seeded by the
// kernel: two ids are equal with probability 2^-128. Not a secret: who sees some ids can compute
// the next ones, so never use one as a token.
void NewId(std::span<char, kIdLength> out);
std::string NewId();

// True for what NewId can have made.
bool IsId(std::string_view text);

}  // namespace prism::base
