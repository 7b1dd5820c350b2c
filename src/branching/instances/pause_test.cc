// A server that stands still while it is copied.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "branching/instances/process_pause.h"
#include "branching/instances/process_tree.h"
#include "branching/instances/testing/cluster.h"
#include "tests/servers/postgres.h"

namespace prism::branching {
namespace {

using testing::Copies;
using testing::InstanceHost;
using testing::Query;

class PauseTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    static prism::testing::PostgresServer server;
    if (server.pid() > 0) server.Stop();
    spec_ = copies_.Clone(server.data_directory(), "a");
    auto started = host_.Start(spec_);
    ASSERT_TRUE(started) << started.error().ToString();
    instance_ = *std::move(started);
  }
  void TearDown() override {
    if (instance_ != nullptr) EXPECT_TRUE(host_.Stop(std::move(instance_)));
  }

  bool AllStandStill() const {
    const auto tree = ProcessTree(instance_->identity().pid);
    return tree.size() > 3 && std::ranges::all_of(tree, StandsStill);
  }
  bool AnyStandsStill() const {
    return std::ranges::any_of(ProcessTree(instance_->identity().pid), StandsStill);
  }

  Copies copies_;
  InstanceHost host_{testing::Processes(GetParam())};
  InstanceSpec spec_;
  std::unique_ptr<Instance> instance_;
};
INSTANTIATE_TEST_SUITE_P(Walls, PauseTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "all" : "none"; });

TEST_P(PauseTest, NothingRunsWhileTheWorkDoes) {
  const Status done = instance_->pauser()([&]() -> Status {
    EXPECT_TRUE(AllStandStill());
    return {};
  });
  EXPECT_TRUE(done) << done.error().ToString();
  EXPECT_FALSE(AnyStandsStill());
  EXPECT_EQ(Query(*instance_, "SELECT 1"), "1");
}

TEST_P(PauseTest, ItGoesOnWhenTheLastWorkIsDone) {
  const WhileStill pauser = instance_->pauser();
  std::latch both(2);
  std::latch first_is_done(1);
  std::thread first([&] {
    EXPECT_TRUE(pauser([&]() -> Status {
      both.arrive_and_wait();
      return {};
    }));
    first_is_done.count_down();
  });
  EXPECT_TRUE(pauser([&]() -> Status {
    both.arrive_and_wait();
    first_is_done.wait();
    EXPECT_TRUE(AllStandStill());
    return {};
  }));
  first.join();
  EXPECT_FALSE(AnyStandsStill());
}

TEST_P(PauseTest, WhatTheWorkSaysIsAnswered) {
  const Status failed = instance_->pauser()([]() -> Status {
    return std::unexpected(Error(Code::kInternal, "NO_LUCK", "it did not work"));
  });
  EXPECT_EQ(failed.error().reason(), "NO_LUCK");
  EXPECT_EQ(Query(*instance_, "SELECT 1"), "1");
}

TEST_P(PauseTest, AnEndedServerIsNotTakenForAStillOne) {
  const WhileStill pauser = instance_->pauser();
  EXPECT_TRUE(host_.Stop(std::move(instance_)));
  bool worked = false;
  const Status paused = pauser([&]() -> Status {
    worked = true;
    return {};
  });
  EXPECT_EQ(paused.error().reason(), "INSTANCE_ENDED");
  EXPECT_FALSE(worked);
}

TEST_P(PauseTest, WhoIsKilledWhileItStandsStillIsTold) {
  const Status paused = instance_->pauser()([&]() -> Status {
    EXPECT_TRUE(KillProcesses(ProcessTree(instance_->identity().pid), kNanosPerSecond));
    return {};
  });
  EXPECT_EQ(paused.error().reason(), "INSTANCE_ENDED");
}

// Those that it leaves have the lock, and would keep it for ever.
TEST_P(PauseTest, WhatAKilledPostmasterLeavesGoesOnToItsEnd) {
  const Status paused = instance_->pauser()([&]() -> Status {
    EXPECT_EQ(::kill(instance_->identity().pid, SIGKILL), 0);
    while (ProcessStartTime(instance_->identity().pid)) std::this_thread::yield();
    return {};
  });
  EXPECT_EQ(paused.error().reason(), "INSTANCE_ENDED");
  host_.Leave(std::move(instance_));
  for (auto found = host_.Find(spec_.run_directory); !found || *found;) {
    found = host_.Find(spec_.run_directory);
  }
  auto again = host_.Start(spec_);
  ASSERT_TRUE(again) << again.error().ToString();
  instance_ = *std::move(again);
}

// Of one whose Prism was killed meanwhile.
TEST_P(PauseTest, AdoptionLetsItGoOn) {
  const InstanceIdentity identity = instance_->identity();
  host_.Leave(std::move(instance_));
  for (const InstanceIdentity& process : ProcessTree(identity.pid)) ::kill(process.pid, SIGSTOP);
  auto adopted = host_.Adopt(spec_.run_directory, identity);
  ASSERT_TRUE(adopted) << adopted.error().ToString();
  instance_ = *std::move(adopted);
  EXPECT_EQ(Query(*instance_, "SELECT 1"), "1");
}

}  // namespace
}  // namespace prism::branching
