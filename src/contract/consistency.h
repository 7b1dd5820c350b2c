// What a read may miss of the writes before it. Ordered: each level promises more than those after
// it.
#pragma once

#include <cstdint>
#include <string_view>

namespace prism::contract {

enum class Consistency : std::uint8_t {
  kStrong,   // nothing: it sees every acknowledged write of the namespace
  kCausal,   // writes of others than who sends back the session token of its own
  kEventual  // any recent write
};

// "strong", "causal", "eventual".
std::string_view ConsistencyName(Consistency consistency);

}  // namespace prism::contract
