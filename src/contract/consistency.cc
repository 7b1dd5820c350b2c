#include "contract/consistency.h"

#include <array>
#include <cstddef>

namespace prism::contract {

std::string_view ConsistencyName(Consistency consistency) {
  constexpr std::array<std::string_view, 3> kNames = {"strong", "causal", "eventual"};
  return kNames[static_cast<std::size_t>(consistency)];
}

}  // namespace prism::contract
