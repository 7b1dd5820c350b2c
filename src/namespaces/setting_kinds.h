// What the settings inside of a namespace's blocks have in common: bounds, and names of values.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string_view>

#include "contract/consistency.h"
#include "contract/durability.h"

namespace prism::namespaces {

// Of a number, of bytes, or of milliseconds; both included.
struct Bounds {
  std::uint64_t min = 0;
  std::uint64_t max = std::numeric_limits<std::int64_t>::max();
};

// What base::ParseDuration reads at most, 100,000 days.
inline constexpr std::uint64_t kMaxMillis = std::uint64_t{100'000} * 24 * 3600 * 1000;

// How the values of T are written, in the order of the enumeration.
template <class T>
inline constexpr std::array<std::string_view, 0> kNamesOf;
template <>
inline constexpr std::array<std::string_view, 3> kNamesOf<contract::Consistency> = {
    "strong", "causal", "eventual"};
template <>
inline constexpr std::array<std::string_view, 4> kNamesOf<contract::Durability> = {
    "memory", "accepted", "fsynced", "replicated"};

template <class T>
constexpr std::string_view NameOf(T value) {
  return kNamesOf<T>[static_cast<std::size_t>(value)];
}

}  // namespace prism::namespaces
