// What a transfer has done, and whether it goes on.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "base/status.h"
#include "branching/storage/driver.h"

namespace prism::branching::internal {

// Thread rule: any thread; the watch is called on the one that made the object alone.
class Transfer {
 public:
  explicit Transfer(const TransferWatch& watch) : watch_(watch) {}

  // CANCELLED/TRANSFER_CANCELLED once the watch has said so.
  Status Add(std::uint64_t files, std::uint64_t bytes) {
    files_.fetch_add(files, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
    if (watch_ && ::pthread_equal(::pthread_self(), owner_) != 0 && !watch_({files_, bytes_})) {
      cancelled_ = true;
    }
    if (!cancelled_) return {};
    return std::unexpected(Error(Code::kCancelled, "TRANSFER_CANCELLED",
                                 "The copy was cancelled; nothing of it is left."));
  }

 private:
  const TransferWatch& watch_;
  const pthread_t owner_ = ::pthread_self();
  std::atomic<std::uint64_t> files_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace prism::branching::internal
