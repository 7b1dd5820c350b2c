#include "branching/instances/process_runtime.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <string>
#include <utility>

#include "branching/instances/testing/cluster.h"
#include "branching/instances/testing/runtime_suite.h"

namespace prism::branching {
namespace {

RuntimeKind Kind(std::string name, testing::MakeRuntime make, bool walls) {
  return {.name = std::move(name),
          .make = std::move(make),
          .own_shared_memory = walls,
          .end_of_killed = "signal 9 (KILL)"};
}

INSTANTIATE_TEST_SUITE_P(Processes, RuntimeTest,
                         ::testing::Values(Kind("walled", testing::Limited({}), true),
                                           Kind("bare", testing::Processes(false), false)),
                         [](const auto& info) { return info.param.name; });

// A server of another user, started on our memory, would take our core dumps.
TEST(ProcessRuntimeTest, StartsLeaveUsAsWeAre) {
  Copies copies;
  InstanceHost host;
  ASSERT_EQ(::prctl(PR_GET_DUMPABLE), 1);
  const InstanceSpec spec = copies.Clone(StoppedTemplate(), "a");
  auto instance = host.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1);
  EXPECT_EQ(host.Stop(*std::move(instance)), StopKind::kFast);
}

TEST(ProcessRuntimeTest, NeverRunsAsRoot) {
  runtime::BlockingPool pool(1, 1);
  const auto made = ProcessRuntime::Make({.uid = 0, .gid = 0}, &pool);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().reason(), "INSTANCE_USER_ROOT");
  pool.Stop();
}

}  // namespace
}  // namespace prism::branching
