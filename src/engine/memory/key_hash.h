// The hash of keys inside the memory engine.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace prism::engine {

// Folded 64 x 64 -> 128 bit multiplications over 8-byte words. The seed is random for each store,
// so that clients can't choose keys that meet in one bucket; it is no cryptographic hash.
class KeyHash {
 public:
  KeyHash();  // a random seed
  explicit KeyHash(std::uint64_t seed) : seed_(seed) {}

  std::uint64_t operator()(std::string_view key) const {
    const char* at = key.data();
    std::size_t left = key.size();
    std::uint64_t hash = seed_ ^ (left * kFirst);
    while (left > 8) {
      hash = Fold(hash ^ Word(at, 8), kFirst);
      at += 8;
      left -= 8;
    }
    return Fold(Fold(hash ^ Word(at, left), kSecond) ^ seed_, kFirst);
  }

 private:
  static constexpr std::uint64_t kFirst =
      0x9E3779B97F4A7C15;  // odd, irregular bits: the golden ratio
  static constexpr std::uint64_t kSecond = 0xD6E8FEB86659FD93;  // another odd constant

  static std::uint64_t Word(const char* from, std::size_t bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, bytes);
    return word;
  }
  static std::uint64_t Fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  std::uint64_t seed_;
};

}  // namespace prism::engine
