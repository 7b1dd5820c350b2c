#include <gtest/gtest.h>

#include <future>
#include <map>
#include <random>
#include <vector>

#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"

namespace prism::runtime {
namespace {

Task<int> Add(int a, int b) { co_return a + b; }
Task<int> AddThree(int a, int b, int c) {
  const int ab = co_await Add(a, b);
  co_return co_await Add(ab, c);
}
Task<void> Store(int& into) { into = co_await AddThree(1, 2, 3); }

TEST(TaskTest, NestedTasksPassValuesUp) {
  TaskGroup group;
  int result = 0;
  group.Spawn(Store(result));
  EXPECT_EQ(result, 6);
  EXPECT_EQ(group.running(), 0u);
}

class TickTimer final : public Timer {
 public:
  void OnTimer() override { ++fired; }
  int fired = 0;
};

TEST(TimerWheelTest, FiresAtTheFirstAdvanceThatReachesTheDueTimeAgainstAReference) {
  std::mt19937_64 random(1);
  std::int64_t now = 1'000'000;
  TimerWheel wheel(now);
  std::vector<TickTimer> timers(200);
  std::vector<std::int64_t> due(timers.size(), -1);
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t which = random() % timers.size();
    if (random() % 4 == 0) {
      timers[which].Disarm();
      due[which] = -1;
    } else {
      due[which] =
          now + 1 + static_cast<std::int64_t>(random() % (random() % 50 == 0 ? 10'000'000 : 2'000));
      wheel.Arm(timers[which], due[which]);
    }
    now += static_cast<std::int64_t>(random() % 100);
    wheel.Advance(now);
    for (std::size_t i = 0; i < timers.size(); ++i) {
      const bool should_have_fired = due[i] >= 0 && due[i] <= now;
      ASSERT_EQ(timers[i].fired, should_have_fired ? 1 : 0) << "step " << step << " timer " << i;
      if (should_have_fired) due[i] = -1;
      timers[i].fired = 0;
    }
    const std::int64_t delay = wheel.NextDelay(now);
    for (const std::int64_t d : due) {
      if (d >= 0) {
        ASSERT_GE(delay, 0);
        ASSERT_LE(now + delay, d);
      }
    }
  }
}

TEST(ShardTest, PostsFromManyThreadsRunInEachProducersOrder) {
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

TEST(BlockingPoolTest, ResumesOnTheCallersShardWithTheValue) {
  ShardPool shards(1);
  ASSERT_TRUE(shards.Start());
  BlockingPool pool(2, 16);
  std::promise<bool> done;
  TaskGroup group;
  struct Body {
    static Task<void> Run(BlockingPool& pool, std::promise<bool>& done) {
      const Shard* before = Shard::Current();
      const Result<int> value = co_await pool.Run([] { return 42; });
      done.set_value(value.has_value() && *value == 42 && Shard::Current() == before &&
                     before != nullptr);
    }
  };
  shards.at(0).Post([&] { group.Spawn(Body::Run(pool, done)); });
  EXPECT_TRUE(done.get_future().get());
  shards.Stop();
}

}  // namespace
}  // namespace prism::runtime
