#include "runtime/wait.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/sync_wait.h"

namespace prism::runtime {
namespace {

MonoNanos In(int ms) { return MonotonicNow() + ms * kNanosPerMilli; }

// A timer that runs a function, for what happens from outside while a coroutine waits.
class Later final : private Timer {
 public:
  Later(MonoNanos when, std::function<void()> work) : work_(std::move(work)) {
    Shard::Current()->ArmTimerAt(*this, when);
  }

 private:
  void OnTimer() override { work_(); }
  std::function<void()> work_;
};

Task<bool> Sleep(MonoNanos until, CancelSource* cancel) {
  co_return co_await SleepUntil(*Shard::Current(), until, cancel);
}

TEST(SleepUntilTest, EndsWithTheTimeAndNotBefore) {
  const MonoNanos until = In(15);
  EXPECT_FALSE(RunOnNewShard([&] { return Sleep(until, nullptr); }));
  EXPECT_GE(MonotonicNow(), until);
}

TEST(SleepUntilTest, TheTimeMayHavePassed) {
  EXPECT_FALSE(RunOnNewShard([] { return Sleep(1, nullptr); }));
}

Task<bool> SleepAndCancel() {
  CancelSource source;
  const Later later(In(5), [&] { source.Cancel(CancelReason::kClientGone); });
  co_return co_await SleepUntil(*Shard::Current(), kNoDeadline, &source);
}

TEST(SleepUntilTest, CancellationEndsIt) { EXPECT_TRUE(RunOnNewShard(SleepAndCancel)); }

Task<bool> SleepWhenCancelledAlready() {
  CancelSource source;
  source.Cancel(CancelReason::kShutdown);
  co_return co_await SleepUntil(*Shard::Current(), kNoDeadline, &source);
}

TEST(SleepUntilTest, DoesNotStartWhenCancelledAlready) {
  EXPECT_TRUE(RunOnNewShard(SleepWhenCancelledAlready));
}

Task<void> WaitFor(Event* event, MonoNanos deadline, CancelSource* cancel,
                   std::vector<WaitResult>* results) {
  results->push_back(co_await event->For(deadline, cancel));
}

Task<std::vector<WaitResult>> AllThreeWays() {
  std::vector<WaitResult> results;
  Event event(*Shard::Current());
  CancelSource source;
  TaskGroup group;
  group.Spawn(WaitFor(&event, In(2), &source, &results));
  group.Spawn(WaitFor(&event, kNoDeadline, &source, &results));
  group.Spawn(WaitFor(&event, In(60'000), nullptr, &results));
  const Later cancel(In(10), [&] { source.Cancel(CancelReason::kClientGone); });
  const Later set(In(20), [&] { event.Set(); });
  co_await group.Join();
  group.Spawn(WaitFor(&event, kNoDeadline, nullptr, &results));  // set already
  EXPECT_EQ(group.running(), 0U);
  co_return results;
}

TEST(EventTest, TheDeadlineTheCancellationOrTheEventEndsAWait) {
  EXPECT_EQ(RunOnNewShard(AllThreeWays),
            (std::vector<WaitResult>{WaitResult::kDeadline, WaitResult::kCancelled,
                                     WaitResult::kReady, WaitResult::kReady}));
}

Task<int> SetFirstThenCancel() {
  std::vector<WaitResult> results;
  Event event(*Shard::Current());
  CancelSource source;
  TaskGroup group;
  group.Spawn(WaitFor(&event, In(0), &source, &results));
  group.Spawn(WaitFor(&event, In(0), &source, &results));
  event.Set();
  event.Set();
  source.Cancel(CancelReason::kClientGone);  // too late: the event came first
  EXPECT_TRUE(results.empty()) << "nothing goes on inside Set or Cancel";
  co_await group.Join();
  event.Reset();
  EXPECT_FALSE(event.set());
  int ready = 0;
  for (const WaitResult result : results) ready += result == WaitResult::kReady ? 1 : 0;
  co_return ready;
}

TEST(EventTest, WhatComesFirstDecidesAndOnlyOnce) {
  EXPECT_EQ(RunOnNewShard(SetFirstThenCancel), 2);
}

Task<void> WaitThenDestroy(std::unique_ptr<Event> event) {
  Event& waited = *event;
  co_await waited.For();
  event.reset();
}

Task<void> DestroyWhenWoken() {
  auto event = std::make_unique<Event>(*Shard::Current());
  Event& watched = *event;
  TaskGroup group;
  group.Spawn(WaitThenDestroy(std::move(event)));
  watched.Set();
  co_await group.Join();
}

TEST(EventTest, AWokenCoroutineMayDestroyTheEvent) { RunOnNewShard(DestroyWhenWoken); }

}  // namespace
}  // namespace prism::runtime
