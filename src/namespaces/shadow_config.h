// Where the calls of a namespace are mirrored to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "namespaces/setting_kinds.h"

namespace prism::namespaces {

// The id of the pattern.
inline constexpr std::string_view kShadowPattern = "shadow";

// Settings of the pattern `shadow`: its slot `shadow`, and what goes there.
struct ShadowConfig {
  std::string
      backend;  // name of a BackendConfig of the same snapshot, which the namespace is not on
  std::uint64_t sample_percent = 100;  // of the keys, 1 to 100
  bool reads = true;
  bool writes = true;                     // one of the two is
  std::uint64_t keep_differences = 1000;  // answers that differed, for inspection

  bool operator==(const ShadowConfig&) const = default;
};

// As VisitNeeds.
template <class Visitor, class S>
void VisitShadow(Visitor& visit, S& shadow) {
  visit("backend", shadow.backend);
  visit("sample_percent", shadow.sample_percent, Bounds{.min = 1, .max = 100});
  visit("reads", shadow.reads);
  visit("writes", shadow.writes);
  visit("keep_differences", shadow.keep_differences, Bounds{.min = 0, .max = 1'000'000});
}

}  // namespace prism::namespaces
