#include "runtime/cancel.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace prism::runtime {
namespace {

class Recorder final : public CancelCallback {
 public:
  explicit Recorder(std::function<void(CancelReason)> on_cancel)
      : on_cancel_(std::move(on_cancel)) {}
  void OnCancel(CancelReason reason) override { on_cancel_(reason); }

 private:
  std::function<void(CancelReason)> on_cancel_;
};

TEST(CancelTest, FiresEachCallbackOnceInOrderWithTheReason) {
  CancelSource source;
  std::vector<int> order;
  Recorder first([&](CancelReason reason) {
    EXPECT_EQ(reason, CancelReason::kDeadline);
    order.push_back(1);
  });
  Recorder second([&](CancelReason) { order.push_back(2); });
  source.Register(first);
  source.Register(second);
  EXPECT_FALSE(source.cancelled());
  source.Cancel(CancelReason::kDeadline);
  source.Cancel(CancelReason::kClientGone);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(source.reason(), CancelReason::kDeadline);
}

TEST(CancelTest, UnlinkedAndDestroyedCallbacksDoNotRun) {
  CancelSource source;
  int runs = 0;
  Recorder unlinked([&](CancelReason) { ++runs; });
  Recorder stays([&](CancelReason) { ++runs; });
  {
    Recorder destroyed([&](CancelReason) { runs += 100; });
    source.Register(unlinked);
    source.Register(destroyed);
    source.Register(stays);
  }
  unlinked.Unlink();
  unlinked.Unlink();
  source.Cancel(CancelReason::kShutdown);
  EXPECT_EQ(runs, 1);
}

TEST(CancelTest, ACallbackMayRemoveTheNextOne) {
  CancelSource source;
  int runs = 0;
  Recorder second([&](CancelReason) { runs += 100; });
  Recorder first([&](CancelReason) {
    ++runs;
    second.Unlink();
  });
  source.Register(first);
  source.Register(second);
  source.Cancel(CancelReason::kClientGone);
  EXPECT_EQ(runs, 1);
}

TEST(CancelTest, ACallbackMayDestroyTheSource) {
  std::optional<CancelSource> source(std::in_place);
  int runs = 0;
  Recorder first([&](CancelReason) {
    ++runs;
    source.reset();
  });
  Recorder second([&](CancelReason) { runs += 100; });
  source->Register(first);
  source->Register(second);
  source->Cancel(CancelReason::kClientGone);
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(source.has_value());
}

TEST(CancelTest, RegistrationAfterTheFactIsIgnored) {
  CancelSource source;
  int runs = 0;
  Recorder late([&](CancelReason) { ++runs; });
  source.Cancel(CancelReason::kClientGone);
  source.Register(late);
  EXPECT_EQ(runs, 0);
  source.Reset();
  EXPECT_FALSE(source.cancelled());
  source.Cancel(CancelReason::kDeadline);
  EXPECT_EQ(runs, 0);
}

TEST(CancelTest, ResetMakesTheSourceNew) {
  CancelSource source;
  int runs = 0;
  Recorder before([&](CancelReason) { runs += 100; });
  Recorder after([&](CancelReason) { ++runs; });
  source.Register(before);
  source.Reset();
  source.Register(after);
  source.Cancel(CancelReason::kReconfigured);
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace prism::runtime
