#include "runtime/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "base/testing/rounds.h"

namespace prism::runtime {
namespace {

class TestTimer final : public Timer {
 public:
  std::function<void()> on_timer = [] {};
  void OnTimer() override {
    ++fired;
    on_timer();
  }
  int fired = 0;
};

TEST(TimerWheelTest, FiresNeverEarlyAndAtTheFirstAdvanceThatReachesIt) {
  TimerWheel wheel(1'000);
  TestTimer timer;
  wheel.Arm(timer, 1'005);
  EXPECT_TRUE(timer.armed());
  EXPECT_EQ(wheel.NextDelay(1'000), 5);
  EXPECT_EQ(wheel.Advance(1'004), 0);
  EXPECT_EQ(wheel.Advance(1'005), 1);
  EXPECT_EQ(timer.fired, 1);
  EXPECT_FALSE(timer.armed());
  EXPECT_EQ(wheel.NextDelay(1'005), -1);
}

TEST(TimerWheelTest, WhatIsDueAlreadyFiresAtTheNextAdvanceEvenWithoutTimePassing) {
  TimerWheel wheel(1'000);
  TestTimer past;
  TestTimer now;
  wheel.Arm(past, -5);
  wheel.Arm(now, 1'000);
  EXPECT_EQ(past.fired, 0);
  EXPECT_EQ(wheel.NextDelay(1'000), 0);
  EXPECT_EQ(wheel.Advance(1'000), 2);
}

TEST(TimerWheelTest, RearmMovesDisarmAndDestructionRemove) {
  TimerWheel wheel(0);
  TestTimer moved;
  TestTimer disarmed;
  wheel.Arm(moved, 10);
  wheel.Arm(moved, 300);
  wheel.Arm(disarmed, 20);
  disarmed.Disarm();
  disarmed.Disarm();
  {
    TestTimer destroyed;
    wheel.Arm(destroyed, 30);
    EXPECT_EQ(wheel.armed(), 2U);
  }
  EXPECT_EQ(wheel.armed(), 1U);
  EXPECT_EQ(wheel.Advance(299), 0);
  EXPECT_EQ(wheel.Advance(300), 1);
  EXPECT_EQ(moved.fired, 1);
}

TEST(TimerWheelTest, ACallbackMayDisarmOthersOfTheSameTickAndArmItselfAgain) {
  TimerWheel wheel(0);
  TestTimer first;
  TestTimer second;
  wheel.Arm(first, 5);
  wheel.Arm(second, 5);
  first.on_timer = [&] {
    second.Disarm();
    if (first.fired == 1) wheel.Arm(first, 5);  // for the past: not in this Advance
  };
  EXPECT_EQ(wheel.Advance(5), 1);
  EXPECT_TRUE(first.armed());
  EXPECT_EQ(wheel.Advance(5), 1);
  EXPECT_EQ(second.fired, 0);
  EXPECT_EQ(wheel.armed(), 0U);
}

TEST(TimerWheelTest, ALateAdvanceKeepsTheOrderAndFiresWhatCallbacksArmWithinIt) {
  TimerWheel wheel(0);
  std::vector<int> order;
  TestTimer a;
  TestTimer b;
  TestTimer c;
  a.on_timer = [&] {
    order.push_back(1);
    wheel.Arm(b, 400);
  };
  b.on_timer = [&] { order.push_back(2); };
  c.on_timer = [&] { order.push_back(3); };
  wheel.Arm(c, 70'000);
  wheel.Arm(a, 3);
  EXPECT_EQ(wheel.Advance(100'000), 3);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(TimerWheelTest, ADistantTimerCausesFewWakes) {
  for (const std::int64_t delay : {1'000LL, 3'600'000LL, 40'000'000'000LL, 20'000'000'000'000LL}) {
    TimerWheel wheel(1'234'567);
    TestTimer timer;
    std::int64_t now = 1'234'567;
    const std::int64_t due = now + delay;
    wheel.Arm(timer, due);
    int wakes = 0;
    while (timer.fired == 0) {
      const std::int64_t wait = wheel.NextDelay(now);
      ASSERT_GT(wait, 0);
      now += wait;
      ASSERT_LE(now, due);
      wheel.Advance(now);
      ++wakes;
    }
    EXPECT_EQ(now, due);
    // Beyond the horizon of 49 days one more for each 49 days.
    EXPECT_LE(wakes, 5 + delay / (std::int64_t{1} << 31)) << delay;
  }
}

// The wheel and a multimap get the same random commands.
class Reference {
 public:
  Reference(std::uint64_t seed, std::size_t count)
      : random_(seed),
        now_(static_cast<std::int64_t>(random_() % (std::uint64_t{1} << 40))),
        wheel_(now_),
        timers_(count) {
    for (std::size_t i = 0; i < count; ++i) {
      timers_[i].on_timer = [this, i] { OnTimer(i); };
    }
  }

  void Step() {
    const std::size_t which = random_() % timers_.size();
    switch (random_() % 4) {
      case 0:
        timers_[which].Disarm();
        due_.erase(which);
        break;
      case 1: {
        const std::int64_t jump = random_() % 1'000 == 0 ? RandomDelay() : RandomShort(300);
        Advance(now_ + jump);
        break;
      }
      default:
        Arm(which, now_ + RandomDelay());
    }
    CheckDelay();
  }

 private:
  std::int64_t RandomShort(std::uint64_t bound) {
    return static_cast<std::int64_t>(random_() % bound);
  }
  // Of all magnitudes, up to beyond the horizon; now and then in the past.
  std::int64_t RandomDelay() {
    if (random_() % 20 == 0) return -RandomShort(100);
    return RandomShort(std::uint64_t{1} << (1 + random_() % 34));
  }

  void Arm(std::size_t which, std::int64_t due) {
    wheel_.Arm(timers_[which], due);
    due_[which] = due;
  }

  void Advance(std::int64_t to) {
    std::set<std::size_t> expected;
    for (const auto& [which, due] : due_) {
      if (due <= to) expected.insert(which);
    }
    // Past and present fire first, in any order; what is ahead in the order of time.
    const std::int64_t before = now_;
    now_ = to;
    fired_.clear();
    wheel_.Advance(to);
    std::int64_t last = before;
    std::set<std::size_t> fired;
    for (const auto& [which, due] : fired_) {
      ASSERT_TRUE(fired.insert(which).second) << "timer " << which << " fired twice";
      ASSERT_GE(std::max(due, before), last) << "out of order";
      last = std::max(due, before);
    }
    ASSERT_EQ(fired, expected);
    ASSERT_EQ(wheel_.armed(), due_.size());
  }

  void OnTimer(std::size_t which) {
    const auto found = due_.find(which);
    ASSERT_NE(found, due_.end()) << "timer " << which << " fired without being armed";
    ASSERT_LE(found->second, now_) << "timer " << which << " fired early";
    fired_.emplace_back(which, found->second);
    due_.erase(found);
    // Sometimes callbacks arm their timer again, behind the present Advance.
    if (random_() % 8 == 0) Arm(which, now_ + 1 + std::max<std::int64_t>(RandomDelay(), 0));
  }

  void CheckDelay() {
    const std::int64_t delay = wheel_.NextDelay(now_);
    if (due_.empty()) {
      ASSERT_EQ(delay, -1);
      return;
    }
    ASSERT_GE(delay, 0);
    for (const auto& [which, due] : due_) ASSERT_LE(now_ + delay, std::max(due, now_));
  }

  std::mt19937_64 random_;
  std::int64_t now_;
  TimerWheel wheel_;
  std::vector<TestTimer> timers_;
  std::map<std::size_t, std::int64_t> due_;
  std::vector<std::pair<std::size_t, std::int64_t>> fired_;
};

TEST(TimerWheelStressTest, AgreesWithAReferenceUnderRandomCommands) {
  const auto rounds = static_cast<std::uint64_t>(base::Rounds(10, 1'000));
  for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Reference reference(seed, 1 + seed * 7 % 60);
    for (int step = 0; step < 20'000; ++step) {
      reference.Step();
      ASSERT_FALSE(testing::Test::HasFatalFailure()) << "step " << step;
    }
  }
}

}  // namespace
}  // namespace prism::runtime
