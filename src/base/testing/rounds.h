// How long a stress test goes on: short in every test run, long under `./dev soak`.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace prism::base {

// `usual`, or `soak` when PRISM_SOAK=1. For tests with "Stress" in their name, which are what soak
// runs.
inline std::int64_t Rounds(std::int64_t usual, std::int64_t soak) {
  const char* value = std::getenv("PRISM_SOAK");
  return value != nullptr && std::strcmp(value, "1") == 0 ? soak : usual;
}

}  // namespace prism::base
