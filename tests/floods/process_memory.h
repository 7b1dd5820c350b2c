// What a process takes, as the kernel counts it (proc(5)).
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

namespace prism::floods {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PRISM_FLOODS_SANITIZED 1
#endif
#endif
#ifdef PRISM_FLOODS_SANITIZED
// Shadow memory, quarantine, and a tenth of the speed: only whether the server survives is judged.
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// What the server may need on top of its idle memory.
constexpr std::uint64_t AllowedMemory(std::int64_t connections) {
  constexpr std::uint64_t kAllowance = 64ull << 20;
  constexpr std::uint64_t kPerConnection = 20'000;
  return kAllowance + static_cast<std::uint64_t>(connections) * kPerConnection;
}

// "VmRSS:" or "VmHWM:", in bytes.
inline std::uint64_t StatusBytes(pid_t pid, std::string_view name) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size() + 1)) * 1024;
  }
  ADD_FAILURE() << "the gateway has gone";
  return 0;
}

// From now on VmHWM is the highest RSS since this moment.
inline void ResetPeak(pid_t pid) { std::ofstream(fmt::format("/proc/{}/clear_refs", pid)) << 5; }

}  // namespace prism::floods
