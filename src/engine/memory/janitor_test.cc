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

TEST(Janitor, StopsWithoutATarget) { const Janitor janitor(1ms); }

}  // namespace
}  // namespace prism::engine
