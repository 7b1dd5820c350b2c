#include "runtime/shard.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/sync_wait.h"

namespace prism::runtime {
namespace {

// A started shard for one test, and a way to run a function on it and wait for it.
class ShardTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(shard_.Start()); }
  void TearDown() override {
    shard_.Stop();
    shard_.Join();
  }
  void OnShard(std::function<void()> work) {
    std::promise<void> done;
    shard_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  // Until all turns that what was posted before could have caused are over.
  void Settle() {
    for (int i = 0; i < 3; ++i) OnShard([] {});
  }
  Shard shard_{0};
};

class SocketPair {
 public:
  SocketPair() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds_.data()), 0);
  }
  ~SocketPair() {
    for (const int fd : fds_) ::close(fd);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  int ours() const { return fds_[0]; }
  void Send(const std::string& text) const {
    EXPECT_EQ(::write(fds_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string Receive(std::size_t at_most = 64) const {
    std::string text(at_most, '\0');
    const auto got = ::read(fds_[0], text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  std::array<int, 2> fds_{-1, -1};
};

class Handler final : public FdHandler {
 public:
  explicit Handler(std::function<void(std::uint32_t)> on_ready) : on_ready_(std::move(on_ready)) {}
  void OnReady(std::uint32_t events) override { on_ready_(events); }

 private:
  std::function<void(std::uint32_t)> on_ready_;
};

TEST_F(ShardTest, CurrentIsTheShardOnItsThreadOnly) {
  EXPECT_EQ(Shard::Current(), nullptr);
  Shard* seen = nullptr;
  OnShard([&] { seen = Shard::Current(); });
  EXPECT_EQ(seen, &shard_);
}

TEST_F(ShardTest, ReportsReadinessForAsLongAsItLasts) {
  const SocketPair pair;
  std::promise<std::string> all;
  std::string received;
  int calls = 0;
  Handler handler([&](std::uint32_t events) {
    EXPECT_TRUE((events & EPOLLIN) != 0);
    ++calls;
    received += pair.Receive(1);  // level-triggered: the rest is reported again
    if (received.size() == 3) all.set_value(received);
  });
  OnShard([&] { EXPECT_TRUE(shard_.Watch(pair.ours(), EPOLLIN, handler)); });
  pair.Send("abc");
  EXPECT_EQ(all.get_future().get(), "abc");
  OnShard([&] { shard_.Unwatch(pair.ours(), handler); });
  EXPECT_EQ(calls, 3);
}

TEST_F(ShardTest, RewatchChangesTheEvents) {
  const SocketPair pair;
  std::promise<std::uint32_t> writable;
  int calls = 0;
  Handler handler([&](std::uint32_t events) {
    ++calls;
    EXPECT_TRUE(shard_.Rewatch(pair.ours(), 0, handler));
    writable.set_value(events);
  });
  OnShard([&] {
    EXPECT_TRUE(shard_.Watch(pair.ours(), EPOLLIN, handler));
    EXPECT_TRUE(shard_.Rewatch(pair.ours(), EPOLLOUT, handler));
  });
  EXPECT_EQ(writable.get_future().get(), std::uint32_t{EPOLLOUT});
  pair.Send("not wanted");
  Settle();
  OnShard([&] { shard_.Unwatch(pair.ours(), handler); });
  EXPECT_EQ(calls, 1);
}

TEST_F(ShardTest, UnwatchAlsoDropsWhatTheSameBatchReported) {
  const SocketPair one;
  const SocketPair two;
  int calls = 0;
  Handler* other_of_one = nullptr;
  Handler* other_of_two = nullptr;
  // Whichever runs first takes out the other, whose event is in the batch already.
  Handler first([&](std::uint32_t) {
    ++calls;
    shard_.Unwatch(one.ours(), first);
    shard_.Unwatch(two.ours(), *other_of_one);
  });
  Handler second([&](std::uint32_t) {
    ++calls;
    shard_.Unwatch(two.ours(), second);
    shard_.Unwatch(one.ours(), *other_of_two);
  });
  other_of_one = &second;
  other_of_two = &first;
  one.Send("x");
  two.Send("x");
  OnShard([&] {  // both are ready before the next epoll_wait
    EXPECT_TRUE(shard_.Watch(one.ours(), EPOLLIN, first));
    EXPECT_TRUE(shard_.Watch(two.ours(), EPOLLIN, second));
  });
  Settle();
  EXPECT_EQ(calls, 1);
}

TEST_F(ShardTest, WatchSaysWhatIsWrong) {
  Handler handler([](std::uint32_t) {});
  OnShard([&] {
    const Status status = shard_.Watch(-1, EPOLLIN, handler);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().reason(), "EVENT_LOOP");
    EXPECT_NE(status.error().message().find("EBADF"), std::string::npos);
  });
}

class Ending final : public TurnEnd {
 public:
  explicit Ending(std::function<void()> work) : work_(std::move(work)) {}
  void OnTurnEnd() override { work_(); }

 private:
  std::function<void()> work_;
};

TEST_F(ShardTest, TurnEndsRunOnceAfterTheMessagesOfTheTurn) {
  std::vector<std::string> order;
  Ending nested([&] { order.emplace_back("nested"); });
  Ending end([&] {
    order.emplace_back("end");
    shard_.AtTurnEnd(nested);
  });
  OnShard([&] {
    for (int i = 0; i < 3; ++i) {
      shard_.AtTurnEnd(end);
      order.emplace_back("message");
    }
  });
  Settle();
  EXPECT_EQ(order, (std::vector<std::string>{"message", "message", "message", "end", "nested"}));
}

TEST_F(ShardTest, ADestroyedTurnEndDoesNotRun) {
  int runs = 0;
  OnShard([&] {
    Ending destroyed([&] { ++runs; });
    shard_.AtTurnEnd(destroyed);
  });
  Settle();
  EXPECT_EQ(runs, 0);
}

class AtTime final : public Timer {
 public:
  void OnTimer() override { fired.set_value(MonotonicNow()); }
  std::promise<MonoNanos> fired;
};

TEST_F(ShardTest, TimersWakeTheSleepingLoopAndNeverEarly) {
  AtTime timer;
  const MonoNanos due = MonotonicNow() + 20 * kNanosPerMilli + 1;
  OnShard([&] { shard_.ArmTimerAt(timer, due); });
  const MonoNanos fired = timer.fired.get_future().get();
  EXPECT_GE(fired, due);
  EXPECT_LT(fired, due + 10 * kNanosPerSecond);
  OnShard([] {});
}

TEST_F(ShardTest, ExtremeTimesAreNoTrouble) {
  AtTime never;
  AtTime past;
  OnShard([&] {
    shard_.ArmTimerAt(never, std::numeric_limits<MonoNanos>::max());
    shard_.ArmTimerAt(past, std::numeric_limits<MonoNanos>::min());
  });
  EXPECT_GT(past.fired.get_future().get(), 0);
  OnShard([&] {
    EXPECT_TRUE(never.armed());
    never.Disarm();
  });
}

TEST_F(ShardTest, RunsWhatWasPostedBeforeTheStart) {
  Shard late(7);
  std::promise<int> ran;
  late.Post([&] { ran.set_value(late.id()); });
  ASSERT_TRUE(late.Start());
  EXPECT_EQ(ran.get_future().get(), 7);
}

TEST_F(ShardTest, RunsWhatIsPostedAfterItsLoopEnded) {
  bool ran = false;
  shard_.Stop();
  shard_.Join();
  {
    Shard stopped(1);
    ASSERT_TRUE(stopped.Start());
    stopped.Stop();
    stopped.Join();
    stopped.Post([&] { ran = Shard::Current() == &stopped; });
    EXPECT_FALSE(ran);
  }
  EXPECT_TRUE(ran);
}

TEST_F(ShardTest, SleepsWhenThereIsNothingToDo) {
  OnShard([] {});
  const auto cpu = [] {
    rusage usage{};
    EXPECT_EQ(::getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_utime.tv_sec * 1'000'000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_sec * 1'000'000 + usage.ru_stime.tv_usec;
  };
  AtTime far;
  AtTime soon;
  const auto before = cpu();
  OnShard([&] {
    shard_.ArmTimerAt(far, MonotonicNow() + 3'600 * kNanosPerSecond);
    shard_.ArmTimerAt(soon, MonotonicNow() + 300 * kNanosPerMilli);
  });
  soon.fired.get_future().wait();
  EXPECT_LT(cpu() - before, 150'000) << "microseconds of CPU in 300 ms without work";
  OnShard([&] { far.Disarm(); });
}

TEST(ShardPoolTest, PostsFromManyThreadsRunInEachProducersOrder) {
  ShardPool pool(1);
  ASSERT_TRUE(pool.Start());
  std::vector<int> last(4, -1);
  bool ordered = true;
  std::vector<std::thread> producers;
  for (std::size_t p = 0; p < last.size(); ++p) {
    producers.emplace_back([&, p] {
      for (int i = 0; i < 5'000; ++i) {
        pool.at(0).Post([&last, &ordered, p, i] {
          ordered = ordered && last[p] == i - 1;
          last[p] = i;
        });
      }
    });
  }
  for (auto& producer : producers) producer.join();
  pool.Stop();
  EXPECT_TRUE(ordered);
  EXPECT_EQ(last, std::vector<int>(4, 4'999));
}

// A message that is passed round between the shards until it has made its hops.
void PassOn(ShardPool& pool, int index, int left, std::atomic<int>& hops) {
  EXPECT_EQ(Shard::Current(), &pool.at(index));
  hops.fetch_add(1);
  if (left == 0) return;
  const int next = (index + 1) % pool.size();
  pool.at(next).Post([&pool, next, left, &hops] { PassOn(pool, next, left - 1, hops); });
}

TEST(ShardPoolTest, StopLosesNoMessageThatShardsStillPostToEachOther) {
  for (int round = 0; round < 50; ++round) {
    ShardPool pool(3);
    ASSERT_TRUE(pool.Start());
    std::atomic<int> hops = 0;
    pool.at(0).Post([&] { PassOn(pool, 0, 500, hops); });
    pool.Stop();
    EXPECT_EQ(hops.load(), 501);
  }
}

Task<int> IdOfShard() { co_return Shard::Current()->id(); }
Task<void> Nothing() { co_return; }
Task<std::unique_ptr<std::string>> Movable(std::string text) {
  co_return std::make_unique<std::string>(std::move(text));
}

TEST(RunOnTest, RunsATaskOnTheShardAndGivesItsValue) {
  ShardPool pool(2);
  ASSERT_TRUE(pool.Start());
  EXPECT_EQ(RunOn(pool.at(0), IdOfShard), 0);
  EXPECT_EQ(RunOn(pool.at(1), IdOfShard), 1);
  RunOn(pool.at(0), Nothing);
  const std::string text = "from outside";
  EXPECT_EQ(*RunOn(pool.at(1), [&] { return Movable(text); }), text);
  for (int i = 0; i < 1'000; ++i) RunOn(pool.at(i % 2), Nothing);
}

TEST(RunOnTest, BringsItsOwnShardWhenThereIsNone) { EXPECT_EQ(RunOnNewShard(IdOfShard), 0); }

}  // namespace
}  // namespace prism::runtime
