// What one owner of branches may have at the same time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"

namespace prism::branching {

enum class Quota : std::uint8_t { kBranches, kDisk, kMemory, kConnections };
inline constexpr std::size_t kQuotas = 4;

// Of the role or administrator who has made the branches. Deleted ones don't count.
struct OwnerLimits {
  int branches = 500;
  std::uint64_t disk_bytes = 0;       // that its branches alone hold, as last measured; 0: no limit
  std::uint64_t memory_bytes = 0;     // that its servers may take together; 0: no limit
  std::uint64_t bytes_of_server = 0;  // that one server may take
  int connections = 0;                // of clients who log in as it, to any branch; 0: no limit
};

// What an owner has.
struct OwnerUse {
  int branches = 0;
  std::uint64_t disk_bytes = 0;
  int servers = 0;
};

// Thread rule: one shard, the branches' home; `refusals` any thread.
class Quotas {
 public:
  explicit Quotas(const OwnerLimits& limits) : limits_(limits) {}

  // RESOURCE_EXHAUSTED: OWNER_BRANCH_LIMIT, OWNER_DISK_LIMIT.
  Status MayMake(const std::string& owner, const OwnerUse& use);
  // RESOURCE_EXHAUSTED: OWNER_DISK_LIMIT, OWNER_MEMORY_LIMIT.
  Status MayStart(const std::string& owner, const OwnerUse& use);
  // RESOURCE_EXHAUSTED/OWNER_CONNECTION_LIMIT.
  Status MayEnter(const std::string& user);
  // The same, and counts it until Leave.
  Status Enter(const std::string& user);
  void Leave(const std::string& user);

  std::uint64_t refusals(Quota quota) const {
    return refusals_[static_cast<std::size_t>(quota)].load(std::memory_order_relaxed);
  }

 private:
  std::unexpected<Error> Exceeded(Quota quota, const std::string& what);
  Status CheckDisk(const std::string& owner, const OwnerUse& use);

  const OwnerLimits limits_;
  std::map<std::string, int> connections_;  // by user; none has 0
  std::array<std::atomic<std::uint64_t>, kQuotas> refusals_ = {};
};

}  // namespace prism::branching
