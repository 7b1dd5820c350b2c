// The settings of a namespace as its stores and services read them.
#pragma once

#include <atomic>
#include <cstdint>

#include "contract/backend.h"

namespace prism::models {

// Thread-safe. Each value can change at any time (configuration is reloaded under running
// requests); readers take one value where they need it and never assume that two belong together.
class NamespaceLimits {
 public:
  explicit NamespaceLimits(const contract::NamespaceSettings& settings) { Apply(settings); }

  void Apply(const contract::NamespaceSettings& settings) {
    max_value_bytes_.store(settings.max_value_bytes, std::memory_order_relaxed);
    max_bytes_.store(settings.max_bytes, std::memory_order_relaxed);
    max_keys_.store(settings.max_keys, std::memory_order_relaxed);
    dedup_window_ms_.store(settings.dedup_window_ms, std::memory_order_relaxed);
    dedup_max_entries_.store(settings.dedup_max_entries, std::memory_order_relaxed);
  }

  std::uint64_t max_value_bytes() const { return max_value_bytes_.load(std::memory_order_relaxed); }
  // Keys, values and tags of live entries together; 0: no quota.
  std::uint64_t max_bytes() const { return max_bytes_.load(std::memory_order_relaxed); }
  // Live entries; 0: no quota.
  std::uint64_t max_keys() const { return max_keys_.load(std::memory_order_relaxed); }
  std::int64_t dedup_window_ms() const { return dedup_window_ms_.load(std::memory_order_relaxed); }
  std::uint64_t dedup_max_entries() const {
    return dedup_max_entries_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> max_value_bytes_;
  std::atomic<std::uint64_t> max_bytes_;
  std::atomic<std::uint64_t> max_keys_;
  std::atomic<std::int64_t> dedup_window_ms_;
  std::atomic<std::uint64_t> dedup_max_entries_;
};

}  // namespace prism::models
