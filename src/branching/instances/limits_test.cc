// What a server may take of the machine, and what becomes of one that wants more.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "branching/instances/process_runtime.h"
#include "branching/instances/run_directory.h"
#include "branching/instances/testing/cluster.h"
#include "branching/instances/testing/runtime_suite.h"

namespace prism::branching {
namespace {

using testing::Copies;
using testing::InstanceHost;
using testing::Query;
using testing::ReadText;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

class LimitsTest : public ::testing::Test {
 protected:
  static Cgroup CgroupOf(const InstanceSpec& spec) {
    return RunDirectory(spec.run_directory).RecordedCgroup();
  }
  static bool IsThere(const Cgroup& cgroup) {
    return std::ranges::any_of(cgroup.directories(), [](const std::string& directory) {
      return std::filesystem::exists(directory);
    });
  }
  static std::string WaitForEnd(InstanceHost& host, Instance& instance) {
    const auto end = host.Run(
        [&] { return instance.WaitForEnd(MonotonicNow() + 60 * kNanosPerSecond, nullptr); });
    return end ? *end : end.error().ToString();
  }

  Copies copies_;
};

TEST_F(LimitsTest, AllProcessesOfAServerAreInItsCgroup) {
  InstanceHost host(testing::Limited({.memory_bytes = 256 * kMiB}));
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  auto instance = host.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  const Cgroup cgroup = CgroupOf(spec);
  ASSERT_EQ(cgroup.directories().size(), 2U);
  const auto usage = host.Run([&] { return (*instance)->Usage(); });
  for (const std::string& members : cgroup.MemberFiles()) {
    EXPECT_EQ(std::ranges::count(ReadText(members), '\n'), usage->processes) << members;
  }
  EXPECT_EQ(host.Stop(*std::move(instance)), StopKind::kFast);
  EXPECT_FALSE(IsThere(cgroup));
}

TEST_F(LimitsTest, WhoWantsMoreMemoryIsEndedAndNothingIsLost) {
  InstanceHost host(testing::Limited({.memory_bytes = 64 * kMiB}));
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  auto instance = host.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "CREATE TABLE kept AS SELECT 7 AS x"), "");
  // What others have in the cache of files goes before anybody is killed.
  EXPECT_EQ(Query(**instance,
                  "CREATE TABLE large AS SELECT repeat('x', 200) AS t FROM "
                  "generate_series(1, 300000)"),
            "");
  const std::string told = Query(**instance, "SELECT length(repeat('x', 100 * 1024 * 1024))");
  EXPECT_TRUE(told.contains("closed the connection unexpectedly")) << told;
  const std::string end = WaitForEnd(host, **instance);
  EXPECT_TRUE(end.ends_with(": it had reached the limit of its memory")) << end;
  // One of its sessions was killed, and the postmaster told the others.
  EXPECT_TRUE(ReadText(spec.run_directory + "/log").contains("terminated by signal 9"));
  EXPECT_FALSE(IsThere(CgroupOf(spec)));
  EXPECT_EQ(host.Stop(*std::move(instance)), StopKind::kGone);

  instance = host.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "SELECT x, (SELECT count(*) FROM large) FROM kept"), "7|300000");
  EXPECT_EQ(host.Stop(*std::move(instance)), StopKind::kFast);
}

TEST_F(LimitsTest, AStartThatGetsTooLittleSaysSo) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  InstanceHost narrow(testing::Limited({.memory_bytes = 2 * kMiB}));
  const auto failed = narrow.Start(spec);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().reason(), "OUT_OF_MEMORY") << failed.error().ToString();
  EXPECT_TRUE(failed.error().message().contains("branching.memory_limit"));
  EXPECT_FALSE(IsThere(CgroupOf(spec)));

  InstanceHost wide(testing::Limited({.memory_bytes = 256 * kMiB}));
  auto instance = wide.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(wide.Stop(*std::move(instance)), StopKind::kFast);
}

TEST_F(LimitsTest, ProcessesAreCounted) {
  InstanceHost host(testing::Limited({.processes = 40}));
  auto instance = host.Start(copies_.Clone(StoppedTemplate(), "a"));
  ASSERT_TRUE(instance) << instance.error().ToString();
  const std::string told = Query(
      **instance,
      "CREATE TEMP TABLE o (line text); COPY o FROM PROGRAM 'for i in $(seq 100); do sleep 600 "
      ">/dev/null 2>&1 & done'");
  EXPECT_TRUE(told.contains("failed")) << told;
  EXPECT_TRUE(ReadText((*instance)->log_path()).contains("Cannot fork"));
  EXPECT_EQ(Query(**instance, "SELECT 1"), "1");
  EXPECT_EQ(host.Stop(*std::move(instance)), StopKind::kFast);
}

TEST_F(LimitsTest, TheCgroupOfALostServerGoesWhenItIsLookedFor) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  {
    InstanceHost host(testing::Limited({.memory_bytes = 256 * kMiB}));
    auto instance = host.Start(spec);
    ASSERT_TRUE(instance) << instance.error().ToString();
    const pid_t pid = (*instance)->identity().pid;
    host.Leave(*std::move(instance));
    ::kill(pid, SIGKILL);
  }
  EXPECT_TRUE(IsThere(CgroupOf(spec)));
  InstanceHost other;
  const MonoNanos deadline = MonotonicNow() + 60 * kNanosPerSecond;
  Result<std::optional<InstanceIdentity>> found = other.Find(spec.run_directory);
  while (found != std::nullopt && MonotonicNow() < deadline) {
    found = other.Find(spec.run_directory);
  }
  EXPECT_EQ(found, std::nullopt);
  EXPECT_FALSE(IsThere(CgroupOf(spec)));
}

}  // namespace
}  // namespace prism::branching
