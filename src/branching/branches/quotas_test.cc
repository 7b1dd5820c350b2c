#include "branching/branches/quotas.h"

#include <gtest/gtest.h>

#include <string>

#include "branching/pgwire/refusal.h"

namespace prism::branching {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// SQLSTATE, reason and message.
std::string Told(const Status& status) {
  if (status) return "fine";
  const Error& error = status.error();
  return std::string(SqlErrorOf(error).sqlstate) + " " + error.ToString();
}

bool Says(const Status& status, std::string_view sqlstate, std::string_view reason,
          std::string_view figures) {
  const std::string told = Told(status);
  const bool says = told.starts_with(sqlstate) && told.contains(reason) && told.contains(figures);
  EXPECT_TRUE(says) << told;
  return says;
}

TEST(QuotasTest, NothingIsLimitedButBranches) {
  Quotas quotas({.branches = 2});
  const OwnerUse much{.branches = 1, .disk_bytes = 1 << 30, .servers = 100};
  EXPECT_EQ(Told(quotas.MayMake("ann", much)), "fine");
  EXPECT_EQ(Told(quotas.MayStart("ann", much)), "fine");
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(quotas.Enter("ann"));
  Says(quotas.MayMake("ann", {.branches = 2}), "53300", "OWNER_BRANCH_LIMIT", "ann: 2 of 2");
  EXPECT_EQ(quotas.refusals(Quota::kBranches), 1U);
}

TEST(QuotasTest, DiskBoundsWhatIsMadeAndWhatIsStarted) {
  Quotas quotas({.disk_bytes = 10 * kMiB});
  EXPECT_EQ(Told(quotas.MayMake("ann", {.disk_bytes = 10 * kMiB - 1})), "fine");
  const OwnerUse full{.disk_bytes = 15 * kMiB};
  Says(quotas.MayMake("ann", full), "53100", "OWNER_DISK_LIMIT", "ann: 15.0 MiB of 10MiB");
  Says(quotas.MayStart("ann", full), "53100", "OWNER_DISK_LIMIT", "ann: 15.0 MiB of 10MiB");
  EXPECT_EQ(quotas.refusals(Quota::kDisk), 2U);
}

TEST(QuotasTest, MemoryBoundsHowManyServersRun) {
  Quotas quotas({.memory_bytes = 300 * kMiB, .bytes_of_server = 100 * kMiB});
  EXPECT_EQ(Told(quotas.MayStart("ann", {.servers = 2})), "fine");
  EXPECT_EQ(Told(quotas.MayMake("ann", {.servers = 3})), "fine");
  Says(quotas.MayStart("ann", {.servers = 3}), "53200", "OWNER_MEMORY_LIMIT",
       "ann: 3 run, each may take 100MiB, all together 300MiB");
  EXPECT_EQ(quotas.refusals(Quota::kMemory), 1U);
}

TEST(QuotasTest, ConnectionsAreThoseThatAreOpen) {
  Quotas quotas({.connections = 2});
  EXPECT_TRUE(quotas.Enter("ann"));
  EXPECT_TRUE(quotas.Enter("ann"));
  EXPECT_TRUE(quotas.Enter("bob"));
  Says(quotas.Enter("ann"), "53300", "OWNER_CONNECTION_LIMIT", "ann: 2 of 2");
  quotas.Leave("ann");
  EXPECT_TRUE(quotas.Enter("ann"));
  EXPECT_EQ(quotas.refusals(Quota::kConnections), 1U);
}

}  // namespace
}  // namespace prism::branching
