#include "contract/durability.h"

#include <array>
#include <cstddef>

namespace prism::contract {

namespace {

constexpr std::array<std::string_view, 4> kNames = {"memory", "accepted", "fsynced", "replicated"};

}  // namespace

std::string_view DurabilityName(Durability level) {
  return kNames[static_cast<std::size_t>(level)];
}

std::optional<Durability> ParseDurability(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Durability>(i);
  }
  return std::nullopt;
}

}  // namespace prism::contract
