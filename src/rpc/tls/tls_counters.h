// How TLS sessions of a server began, or did not.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "rpc/tls/server_tls.h"

namespace prism::rpc {

// Any thread.
struct TlsCounters {
  std::atomic<std::uint64_t> sessions = 0;
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(TlsFailure::kCount)> failures{};

  void Began() { sessions.fetch_add(1, std::memory_order_relaxed); }
  void Failed(TlsFailure why) {
    failures[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
  }
};

}  // namespace prism::rpc
