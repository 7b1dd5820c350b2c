// Everything of the runtime at once under a random schedule: tasks that sleep, wait, cancel each
// other, call other shards and the blocking pool, and start more tasks. What is checked: all that
// was started ends, on its own shard, with an outcome that was possible; no message is lost.
//
// PRISM_STRESS_SECONDS sets how long it goes on, PRISM_STRESS_SEED repeats a schedule (as far as
// the threads of the system allow).
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "base/testing/rounds.h"
#include "runtime/blocking_pool.h"
#include "runtime/sync_wait.h"
#include "runtime/wait.h"

namespace prism::runtime {
namespace {

constexpr int kShards = 3;
constexpr std::size_t kWorkers = 40;  // a shard

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Counts {
  std::int64_t sleeps = 0;
  std::int64_t cancelled = 0;
  std::int64_t waits = 0;
  std::int64_t calls = 0;
  std::int64_t served = 0;  // calls that other shards made here
  std::int64_t pool_runs = 0;
  std::int64_t pool_refusals = 0;
  std::int64_t children = 0;
  std::int64_t turn_ends = 0;
};

class Station;

// A message to another shard and back.
class Call final : private MailboxItem {
 public:
  explicit Call(Station& to) : to_(to) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> caller);
  void await_resume() const {}

 private:
  void Run() override;
  Station& to_;
  ShardResume resume_;
};

class CountingTurnEnd final : public TurnEnd {
 public:
  explicit CountingTurnEnd(Counts& counts) : counts_(counts) {}
  void OnTurnEnd() override { ++counts_.turn_ends; }

 private:
  Counts& counts_;
};

// What one shard has. Used on that shard only.
class Station {
 public:
  Station(Shard& shard, std::vector<std::unique_ptr<Station>>& all, BlockingPool& pool,
          std::uint64_t seed, MonoNanos until)
      : shard_(shard),
        all_(all),
        pool_(pool),
        random_(seed),
        until_(until),
        sources_(kWorkers),
        event_(shard),
        turn_end_(counts_) {}

  Task<Counts> Live() {
    TaskGroup group;
    for (std::size_t i = 0; i < kWorkers; ++i) group.Spawn(Work(i));
    co_await group.Join();
    EXPECT_EQ(shard_.timers().armed(), 0U);
    co_return counts_;
  }

  Shard& shard() { return shard_; }
  const Counts& counts() const { return counts_; }  // when all shards have stopped
  void Serve() {
    CheckPlace();
    ++counts_.served;
  }

 private:
  std::uint64_t Random(std::uint64_t below) { return random_() % below; }
  MonoNanos Soon() { return MonotonicNow() + static_cast<MonoNanos>(Random(3'000'000)); }
  void CheckPlace() const { ASSERT_EQ(Shard::Current(), &shard_); }

  Task<void> Work(std::size_t self) {
    while (MonotonicNow() < until_) {
      CheckPlace();
      co_await Step(self);
      CheckPlace();
      shard_.AtTurnEnd(turn_end_);
    }
  }

  Task<void> Step(std::size_t self) {
    switch (Random(6)) {
      case 0:
        return Sleep(sources_[self]);
      case 1:
        return WaitForEvent(sources_[self]);
      case 2:
        return CallAnother();
      case 3:
        return Block();
      case 4:
        return SpawnChildren();
      default:
        return Disturb();
    }
  }

  Task<void> Sleep(CancelSource& source) {
    source.Reset();
    const MonoNanos until = Soon();
    ++counts_.sleeps;
    const bool cancelled = co_await SleepUntil(shard_, until, &source);
    if (cancelled) {
      EXPECT_TRUE(source.cancelled());
      ++counts_.cancelled;
    } else {
      EXPECT_GE(MonotonicNow(), until);
    }
  }

  Task<void> WaitForEvent(CancelSource& source) {
    source.Reset();
    const MonoNanos deadline = Soon();
    ++counts_.waits;
    switch (co_await event_.For(deadline, &source)) {
      case WaitResult::kReady:
        break;
      case WaitResult::kDeadline:
        EXPECT_GE(MonotonicNow(), deadline);
        break;
      case WaitResult::kCancelled:
        EXPECT_TRUE(source.cancelled());
        ++counts_.cancelled;
    }
  }

  Task<void> CallAnother() {
    ++counts_.calls;
    co_await Call(*all_[Random(all_.size())]);
  }

  Task<void> Block() {
    const std::uint64_t input = Random(1'000);
    const auto output = co_await pool_.Run([input] { return input + 1; });
    if (output) {
      EXPECT_EQ(*output, input + 1);
      ++counts_.pool_runs;
    } else {
      EXPECT_EQ(output.error().reason(), "BLOCKING_POOL_FULL");
      ++counts_.pool_refusals;
    }
  }

  Task<void> Child(int* ended) {
    if (Random(2) == 0) {
      const bool cancelled = co_await SleepUntil(shard_, Soon(), nullptr);
      EXPECT_FALSE(cancelled);
    } else {
      co_await CallAnother();
    }
    ++*ended;
  }

  Task<void> SpawnChildren() {
    const int children = static_cast<int>(1 + Random(4));
    int ended = 0;
    TaskGroup group;
    for (int i = 0; i < children; ++i) group.Spawn(Child(&ended));
    co_await group.Join();
    EXPECT_EQ(ended, children);
    counts_.children += children;
  }

  // Ends what others of this shard wait for.
  Task<void> Disturb() {
    if (Random(4) == 0) {
      event_.Set();
      event_.Reset();
    } else {
      sources_[Random(sources_.size())].Cancel(CancelReason::kClientGone);
    }
    co_return;
  }

  Shard& shard_;
  std::vector<std::unique_ptr<Station>>& all_;
  BlockingPool& pool_;
  std::mt19937_64 random_;
  MonoNanos until_;
  std::vector<CancelSource> sources_;
  Event event_;
  Counts counts_;
  CountingTurnEnd turn_end_;
};

void Call::await_suspend(std::coroutine_handle<> caller) {
  resume_.Suspend(caller);
  to_.shard().Post(*this);
}

void Call::Run() {
  to_.Serve();
  resume_.Resume();
}

Task<Counts> Live(Station* station) { return station->Live(); }

TEST(RuntimeStressTest, EverythingEndsUnderARandomSchedule) {
  const auto seconds =
      FromEnvironment("PRISM_STRESS_SECONDS", static_cast<std::uint64_t>(base::Rounds(1, 300)));
  const std::uint64_t seed = FromEnvironment("PRISM_STRESS_SEED", std::random_device{}());
  std::cout << "PRISM_STRESS_SEED=" << seed << " PRISM_STRESS_SECONDS=" << seconds << "\n";
  const MonoNanos until = MonotonicNow() + static_cast<MonoNanos>(seconds) * kNanosPerSecond;

  ShardPool shards(kShards);
  ASSERT_TRUE(shards.Start());
  BlockingPool pool(2, 24);
  std::vector<std::unique_ptr<Station>> stations;
  for (int i = 0; i < kShards; ++i) {
    stations.push_back(std::make_unique<Station>(shards.at(i), stations, pool,
                                                 seed + static_cast<std::uint64_t>(i), until));
  }
  std::vector<Counts> counts(kShards);
  std::vector<std::thread> drivers;
  for (std::size_t i = 0; i < kShards; ++i) {
    drivers.emplace_back([&, i] {
      counts[i] = RunOn(stations[i]->shard(), [&] { return Live(stations[i].get()); });
    });
  }
  for (auto& driver : drivers) driver.join();
  pool.Stop();
  shards.Stop();

  Counts sum;
  std::int64_t served = 0;
  for (std::size_t i = 0; i < kShards; ++i) {
    sum.sleeps += counts[i].sleeps;
    sum.cancelled += counts[i].cancelled;
    sum.waits += counts[i].waits;
    sum.calls += counts[i].calls;
    sum.pool_runs += counts[i].pool_runs;
    sum.pool_refusals += counts[i].pool_refusals;
    sum.children += counts[i].children;
    sum.turn_ends += counts[i].turn_ends;
    served += stations[i]->counts().served;
  }
  std::cout << sum.sleeps << " sleeps, " << sum.waits << " waits, " << sum.cancelled
            << " cancelled, " << sum.calls << " calls, " << sum.pool_runs << " pool runs, "
            << sum.pool_refusals << " refused, " << sum.children << " children, " << sum.turn_ends
            << " turn ends\n";
  EXPECT_EQ(served, sum.calls);
  for (const std::int64_t count : {sum.sleeps, sum.waits, sum.cancelled, sum.calls, sum.pool_runs,
                                   sum.children, sum.turn_ends}) {
    EXPECT_GT(count, 0) << "part of the schedule never happened";
  }
}

}  // namespace
}  // namespace prism::runtime
