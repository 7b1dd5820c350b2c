#include "base/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.h"

namespace prism::base {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// xoshiro256++ of Blackman and Vigna: 256 bits of state, a few cycles for 64 bits.
class Generator {
 public:
  std::uint64_t Next() {
    if (!seeded_) [[unlikely]] {
      Seed();
    }
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  void Seed() {
    // Up to 256 bytes come whole and uninterrupted once the kernel's pool is ready (getrandom(2)).
    const auto got = ::getrandom(state_.data(), sizeof state_, 0);
    PRISM_CHECK(got == static_cast<ssize_t>(sizeof state_), "this kernel has no getrandom");
    seeded_ = true;
  }

  std::array<std::uint64_t, 4> state_{};
  bool seeded_ = false;
};

constinit thread_local Generator generator;

}  // namespace

void EncodeId(std::uint64_t high, std::uint64_t low, std::span<char, kIdLength> out) {
  for (std::size_t i = kIdLength; i-- > 0;) {
    out[i] = kDigits[low & 31];
    low = (low >> 5) | (high << 59);
    high >>= 5;
  }
}

void NewId(std::span<char, kIdLength> out) {
  const std::uint64_t high = generator.Next();
  EncodeId(high, generator.Next(), out);
}

std::string NewId() {
  std::string id(kIdLength, '0');
  NewId(std::span<char, kIdLength>(id.data(), kIdLength));
  return id;
}

bool IsId(std::string_view text) {
  return text.size() == kIdLength && text[0] <= '7' &&
         std::ranges::all_of(text, [](char c) { return kDigits.contains(c); });
}

}  // namespace prism::base
