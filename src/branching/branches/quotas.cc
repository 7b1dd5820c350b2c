#include "branching/branches/quotas.h"

#include <fmt/format.h>

#include "base/units.h"
#include "branching/pgwire/refusal.h"

namespace prism::branching {
namespace {

constexpr std::array<Refusal, kQuotas> kRefusals = {
    Refusal::kOwnerBranchLimit, Refusal::kOwnerDiskLimit, Refusal::kOwnerMemoryLimit,
    Refusal::kOwnerConnectionLimit};

}  // namespace

std::unexpected<Error> Quotas::Exceeded(Quota quota, const std::string& what) {
  const auto index = static_cast<std::size_t>(quota);
  refusals_[index].fetch_add(1, std::memory_order_relaxed);
  return std::unexpected(Refuse(kRefusals[index], what));
}

Status Quotas::MayMake(const std::string& owner, const OwnerUse& use) {
  if (use.branches >= limits_.branches) {
    return Exceeded(Quota::kBranches,
                    fmt::format("{}: {} of {}", owner, use.branches, limits_.branches));
  }
  return CheckDisk(owner, use);
}

Status Quotas::MayStart(const std::string& owner, const OwnerUse& use) {
  TRY(CheckDisk(owner, use));
  const auto servers = static_cast<std::uint64_t>(use.servers);
  if (limits_.memory_bytes == 0 ||
      (servers + 1) * limits_.bytes_of_server <= limits_.memory_bytes) {
    return {};
  }
  return Exceeded(Quota::kMemory,
                  fmt::format("{}: {} run, each may take {}, all together {}", owner, use.servers,
                              base::FormatSize(limits_.bytes_of_server),
                              base::FormatSize(limits_.memory_bytes)));
}

Status Quotas::CheckDisk(const std::string& owner, const OwnerUse& use) {
  if (limits_.disk_bytes == 0 || use.disk_bytes < limits_.disk_bytes) return {};
  return Exceeded(Quota::kDisk, fmt::format("{}: {} of {}", owner, base::HumanSize(use.disk_bytes),
                                            base::FormatSize(limits_.disk_bytes)));
}

Status Quotas::MayEnter(const std::string& user) {
  const auto it = connections_.find(user);
  const int open = it == connections_.end() ? 0 : it->second;
  if (limits_.connections == 0 || open < limits_.connections) return {};
  return Exceeded(Quota::kConnections,
                  fmt::format("{}: {} of {}", user, open, limits_.connections));
}

Status Quotas::Enter(const std::string& user) {
  TRY(MayEnter(user));
  ++connections_[user];
  return {};
}

void Quotas::Leave(const std::string& user) {
  const auto it = connections_.find(user);
  if (--it->second == 0) connections_.erase(it);
}

}  // namespace prism::branching
