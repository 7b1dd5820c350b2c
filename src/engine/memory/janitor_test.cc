#include "engine/memory/janitor.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

namespace prism::engine {
namespace {

using namespace std::chrono_literals;

class CountingTarget final : public Sweepable {
 public:
  explicit CountingTarget(int more) : more_(more) {}
  bool Sweep() override {
    const std::lock_guard lock(mutex_);
    ++sweeps_;
    changed_.notify_all();
    return more_-- > 0;
  }
  bool WaitFor(int sweeps) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return sweeps_ >= sweeps; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int sweeps_ = 0;
  int more_;
};

TEST(Janitor, ComesAgainAndAgain) {
  Janitor janitor(1ms);
  const auto target = std::make_shared<CountingTarget>(0);
  janitor.Add(target);
  EXPECT_TRUE(target->WaitFor(3));
}

TEST(Janitor, GoesOnWhileThereIsMore) {
  Janitor janitor(1h);
  const auto target = std::make_shared<CountingTarget>(5);
  janitor.Add(target);
  EXPECT_TRUE(target->WaitFor(6)) << "it waited for the next round";
}

TEST(Janitor, ForgetsWhatIsGone) {
  Janitor janitor(1ms);
  auto gone = std::make_shared<CountingTarget>(0);
  janitor.Add(gone);
  EXPECT_TRUE(gone->WaitFor(1));
  const std::weak_ptr<CountingTarget> watch = gone;
  gone.reset();
  const auto other = std::make_shared<CountingTarget>(0);
  janitor.Add(other);
  EXPECT_TRUE(other->WaitFor(3));
  EXPECT_TRUE(watch.expired());
}

// Its data is one number under a lock; while it is above 0 there is something that may expire.
class RestingTarget final : public Sweepable {
 public:
  bool Sweep() override {
    const std::lock_guard lock(mutex_);
    ++sweeps_;
    if (left_ > 0) --left_;
    changed_.notify_all();
    return false;
  }
  bool Idle() override {
    const std::lock_guard lock(mutex_);
    if (left_ == 0) ++rests_;
    changed_.notify_all();
    return left_ == 0;
  }
  SweepMark* mark() override { return &mark_; }
  void Put(int rounds) {
    {
      const std::lock_guard lock(mutex_);
      left_ += rounds;
    }
    mark_.Touched();
  }
  bool WaitForRests(int rests) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, [&] { return rests_ >= rests; });
  }
  bool WaitUntilSwept() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, [&] { return left_ == 0; });
  }
  int sweeps() {
    const std::lock_guard lock(mutex_);
    return sweeps_;
  }

 private:
  SweepMark mark_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int sweeps_ = 0;
  int rests_ = 0;
  int left_ = 0;
};

TEST(Janitor, LeavesAloneWhatIsIdle) {
  Janitor janitor(1ms);
  const auto idle = std::make_shared<RestingTarget>();
  janitor.Add(idle);
  ASSERT_TRUE(idle->WaitForRests(1));
  const auto busy = std::make_shared<CountingTarget>(0);
  janitor.Add(busy);
  ASSERT_TRUE(busy->WaitFor(20));  // rounds
  EXPECT_EQ(idle->sweeps(), 1);

  idle->Put(3);
  ASSERT_TRUE(idle->WaitForRests(2));
  ASSERT_TRUE(busy->WaitFor(60));
  EXPECT_EQ(idle->sweeps(), 4);
}

TEST(Janitor, MissesNothingThatIsPutInWhileItLooks) {
  Janitor janitor(0ms);
  const auto target = std::make_shared<RestingTarget>();
  janitor.Add(target);
  for (int i = 0; i < 20'000; ++i) {
    target->Put(1);
    if (i % 16 == 0) ASSERT_TRUE(target->WaitUntilSwept()) << i;
  }
  EXPECT_TRUE(target->WaitUntilSwept());
}

TEST(Janitor, StopsWithoutATarget) { const Janitor janitor(1ms); }

}  // namespace
}  // namespace prism::engine
