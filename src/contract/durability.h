// How safe an acknowledged write is. Ordered: a higher level includes the lower ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace prism::contract {

enum class Durability : std::uint8_t {
  kMemory = 0,     // lives in this process
  kAccepted = 1,   // survives the death of the process and of the store's process
  kFsynced = 2,    // survives power loss of a node
  kReplicated = 3  // acknowledged by a quorum
};

// "memory", "accepted", "fsynced", "replicated": the values of the header prism-durability.
std::string_view DurabilityName(Durability level);
std::optional<Durability> ParseDurability(std::string_view name);

}  // namespace prism::contract
