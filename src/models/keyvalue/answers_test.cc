#include "models/keyvalue/answers.h"

#include <gtest/gtest.h>

namespace prism::models {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

TEST(Answers, ATimeToLiveIsMissingPersistentOrRunning) {
  GetTTLResponse absent;
  FillTtl(std::nullopt, 1000, absent);
  EXPECT_EQ(absent.state(), GetTTLResponse::MISSING);
  GetTTLResponse persistent;
  FillTtl(kNeverExpires, 1000, persistent);
  EXPECT_EQ(persistent.state(), GetTTLResponse::PERSISTENT);
  GetTTLResponse running;
  FillTtl(3500, 1000, running);
  EXPECT_EQ(running.state(), GetTTLResponse::EXPIRING);
  EXPECT_EQ(running.ttl().seconds(), 2);
  EXPECT_EQ(running.ttl().nanos(), 500'000'000);
}

TEST(Answers, ALostSwapSaysWhatIsThere) {
  const SwapView lost = {
      .done = false, .version = "r:1", .current = RecordView{.value = "theirs", .version = "r:1"}};
  CompareAndSwapResponse swap;
  ASSERT_TRUE(FillSwap(lost, "key", swap));
  EXPECT_FALSE(swap.swapped());
  EXPECT_EQ(swap.version(), "r:1");
  EXPECT_EQ(swap.current().key(), "key");
  EXPECT_EQ(swap.current().value(), "theirs");
  CompareAndDeleteResponse remove;
  ASSERT_TRUE(FillDelete(lost, "key", remove));
  EXPECT_FALSE(remove.deleted());
  EXPECT_EQ(remove.current().version(), "r:1");

  CompareAndSwapResponse absent;
  ASSERT_TRUE(FillSwap({}, "key", absent));
  EXPECT_EQ(absent.version(), "");
  EXPECT_FALSE(absent.has_current());
}

}  // namespace
}  // namespace prism::models
