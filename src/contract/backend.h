// What a backend is to the gateway: a factory of interface implementations per namespace.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "contract/consistency.h"
#include "contract/durability.h"
#include "contract/implements.h"

namespace prism::contract {

// What interfaces can't say. constexpr per backend type; read by planner, binder and conformance.
struct BackendTraits {
  std::string_view type;  // "memory", "sqlite", ...
  Durability durability;  // of an acknowledged write
  bool ordered_scan;      // scans in byte order, each key exactly once
  bool dedup;             // request_id commits atomically with the write
  std::uint32_t ttl_precision_ms;
  Consistency strongest;  // what its reads can promise
};

// The limits and settings of a namespace that its backend must know.
struct NamespaceSettings {
  std::string name;
  std::uint64_t max_value_bytes = 4ull << 20;
  std::uint64_t max_bytes = 0;  // quota; 0: only the backend's own limit
  std::uint64_t max_keys = 0;   // quota; 0: no limit
  std::int64_t dedup_window_ms = 10 * 60 * 1000;
  std::uint64_t dedup_max_entries = 1'000'000;

  bool operator==(const NamespaceSettings&) const = default;
};

// One namespace on one backend: the union of its models' interface providers. Thread-safe: its
// interfaces are called from every shard.
class NamespaceBackend {
 public:
  virtual ~NamespaceBackend() = default;
  virtual std::span<const InterfaceInfo* const> Interfaces() const = 0;
  virtual void* Find(const InterfaceInfo& info) = 0;
};

// A configured connection. Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual const BackendTraits& traits() const = 0;
  // What every namespace on it has; used to say which configured backend has a missing interface.
  virtual std::span<const InterfaceInfo* const> Interfaces() const = 0;
  // Opens or returns the namespace. Its data is made at the first write. Blocking: never on a
  // shard.
  virtual Result<std::shared_ptr<NamespaceBackend>> Open(const NamespaceSettings& settings) = 0;
  // Destroys the data of a namespace that nobody has open and that nobody opens meanwhile. It can't
  // come back when this returns, not even by a loss of power. No data at all is well, so that it
  // can be called again after an error or a crash. Blocking: never on a shard.
  virtual Status Purge(std::string_view ns) = 0;
  // Whether it can serve now, with the reason when not; shown in /readyz.
  virtual Status Health() = 0;
};

}  // namespace prism::contract
