#include "backends/driver/lanes.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/wait.h"

namespace prism::backends {
namespace {

using runtime::Shard;
using runtime::ShardPool;
using runtime::Task;

// What a driver has on a shard, without a store.
class Echo {
 public:
  Echo(Shard& shard, DriverCounters& counters) : shard_(shard), counters_(counters) {
    counters_.Opened();
    health_.Worked(MonotonicNow());
  }

  Task<Result<int>> Ask(runtime::CancelSource* cancel, bool for_ever) {
    EXPECT_EQ(Shard::Current(), &shard_);
    counters_.Asked();
    const MonoNanos until = for_ever ? runtime::kNoDeadline : MonotonicNow() + kNanosPerMilli;
    const bool cancelled = co_await runtime::SleepUntil(shard_, until, cancel);
    counters_.Ended(cancelled ? RequestEnd::kCancelled : RequestEnd::kAnswered);
    if (cancelled) {
      co_return std::unexpected(Error(Code::kCancelled, "CANCELLED", "as it was asked to"));
    }
    co_return shard_.id();
  }

  Task<void> Stop() {
    counters_.Closed();
    co_return;
  }
  const BackendHealth& health() const { return health_; }

 private:
  Shard& shard_;
  DriverCounters& counters_;
  BackendHealth health_;
};

struct AskCall {
  bool for_ever = false;
  Task<Result<int>> operator()(Echo& lane, runtime::CancelSource* cancel) const {
    return lane.Ask(cancel, for_ever);
  }
};

using EchoLanes = Lanes<Echo>;

std::unique_ptr<Echo> MakeEcho(Shard& shard, DriverCounters& counters) {
  return std::make_unique<Echo>(shard, counters);
}

// Whose lane answers a call of this shard.
Task<Result<int>> AskFrom(EchoLanes* lanes) {
  const Shard* here = Shard::Current();
  const AskCall call;
  auto answer = co_await lanes->Run(&call, nullptr);
  EXPECT_EQ(Shard::Current(), here);
  co_return answer;
}

Task<void> CancelSoon(Shard* shard, runtime::CancelSource* cancel) {
  (void)co_await runtime::SleepUntil(*shard, MonotonicNow() + kNanosPerMilli, nullptr);
  cancel->Cancel(runtime::CancelReason::kClientGone);
}

// A call that nothing but its cancellation ends.
Task<Result<int>> AskAndCancel(EchoLanes* lanes, bool before) {
  runtime::CancelSource cancel;
  runtime::TaskGroup group;
  const AskCall call{.for_ever = true};
  if (before) {
    cancel.Cancel(runtime::CancelReason::kClientGone);
  } else {
    group.Spawn(CancelSoon(Shard::Current(), &cancel));
  }
  auto answer = co_await lanes->Run(&call, &cancel);
  co_await group.Join();
  co_return answer;
}

// Cancelled at about the moment of the answer: one of both, and never a crash.
Task<Result<int>> AskAndRace(EchoLanes* lanes) {
  runtime::CancelSource cancel;
  runtime::TaskGroup group;
  const AskCall call;
  group.Spawn(CancelSoon(Shard::Current(), &cancel));
  auto answer = co_await lanes->Run(&call, &cancel);
  co_await group.Join();
  co_return answer;
}

TEST(Lanes, CutShardsIntoRunsWhoseFirstOwns) {
  for (int shards = 1; shards <= 9; ++shards) {
    for (int owners = 1; owners <= shards; ++owners) {
      std::set<int> found;
      for (int shard = 0; shard < shards; ++shard) {
        const int owner = OwnerShard(shard, shards, owners);
        EXPECT_LE(owner, shard);
        EXPECT_EQ(OwnerShard(owner, shards, owners), owner) << shards << " " << owners;
        found.insert(owner);
      }
      EXPECT_EQ(found.size(), static_cast<std::size_t>(owners));
    }
  }
}

class LanesOf : public testing::Test {
 protected:
  LanesOf() { EXPECT_TRUE(shards_.Start()); }

  ShardPool shards_{3};
};

TEST_F(LanesOf, EachShardHasItsOwnWhenThereAreEnough) {
  EchoLanes lanes(shards_, 8, MakeEcho);
  EXPECT_EQ(lanes.Counts().open, 0U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(lanes.hops(i));
    EXPECT_EQ(runtime::RunOn(shards_.at(i), [&lanes] { return AskFrom(&lanes); }).value(), i);
    EXPECT_EQ(lanes.Counts().open, static_cast<std::uint64_t>(i) + 1);
  }
  lanes.Stop();
  EXPECT_EQ(lanes.Counts().open, 0U);
  EXPECT_EQ(lanes.Counts().requests, 3U);
}

TEST_F(LanesOf, CallsHopToTheOwnerAndComeBack) {
  EchoLanes lanes(shards_, 2, MakeEcho);
  const std::vector<int> owners = {0, 0, 2};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(runtime::RunOn(shards_.at(i), [&lanes] { return AskFrom(&lanes); }).value(),
              owners[static_cast<std::size_t>(i)]);
  }
  EXPECT_EQ(lanes.Counts().open, 2U);
  EXPECT_TRUE(lanes.Health().up());
  lanes.Stop();
}

TEST_F(LanesOf, ACancellationReachesTheOwner) {
  EchoLanes lanes(shards_, 1, MakeEcho);
  for (const bool before : {false, true}) {
    for (int i = 0; i < 3; ++i) {
      const auto answer =
          runtime::RunOn(shards_.at(i), [&lanes, before] { return AskAndCancel(&lanes, before); });
      ASSERT_FALSE(answer);
      EXPECT_EQ(answer.error().reason(), "CANCELLED");
    }
  }
  EXPECT_EQ(lanes.Counts().in_flight(), 0U);
  lanes.Stop();
}

TEST_F(LanesOf, ACancellationMayMeetTheAnswer) {
  EchoLanes lanes(shards_, 1, MakeEcho);
  for (int round = 0; round < 200; ++round) {
    const auto answer = runtime::RunOn(shards_.at(1), [&lanes] { return AskAndRace(&lanes); });
    EXPECT_TRUE(answer ? *answer == 0 : answer.error().reason() == "CANCELLED");
  }
  EXPECT_EQ(lanes.Counts().in_flight(), 0U);
  lanes.Stop();
}

TEST(BackendHealth, IsUpWhenTheLastThatIsKnownIsGood) {
  BackendHealth health;
  EXPECT_FALSE(health.up());
  health.Failed(Error(Code::kUnavailable, "FIRST", "one"), 10);
  EXPECT_FALSE(health.up());
  health.Worked(20);
  EXPECT_TRUE(health.up());
  BackendHealth other;
  other.Failed(Error(Code::kUnavailable, "SECOND", "two"), 30);
  health.Include(other);
  EXPECT_FALSE(health.up());
  EXPECT_EQ(health.last_failure()->error.reason(), "SECOND");
  EXPECT_EQ(health.last_success(), 20);
}

}  // namespace
}  // namespace prism::backends
