// The parts that decide without I/O: look-up, rate, overload, request ids.
#include <gtest/gtest.h>

#include <string>

#include "contract/all_interfaces.h"
#include "gateway/method_table.h"
#include "gateway/queue_delay.h"
#include "gateway/rate_limit.h"
#include "gateway/shard_state.h"

namespace prism::gateway {
namespace {

TEST(MethodTableTest, FindsEveryMethodAndNothingElse) {
  const MethodTable table(contract::AllInterfaces(), {});
  std::size_t methods = 0;
  for (const contract::InterfaceInfo* interface : contract::AllInterfaces()) {
    for (const contract::MethodInfo& method : interface->methods) {
      if (interface->id.empty()) {
        EXPECT_EQ(table.Find(method.path), nullptr) << method.path;
        continue;
      }
      ++methods;
      ASSERT_EQ(table.Find(method.path), &method) << method.path;
      EXPECT_EQ(table.RouteOf(method).method, &method);
      EXPECT_EQ(table.interfaces()[table.RouteOf(method).interface], interface);
      const std::string other = std::string(method.path) + "x";
      EXPECT_EQ(table.Find(other), nullptr);
      EXPECT_EQ(table.Find(method.path.substr(1)), nullptr);
    }
  }
  EXPECT_GE(methods, 20u);
  EXPECT_EQ(table.routes().size(), methods);
  EXPECT_EQ(table.Find(""), nullptr);
  EXPECT_EQ(table.Find("/"), nullptr);
}

TEST(MethodTableTest, ServesSystemServicesWithTheirObject) {
  const contract::InterfaceInfo* health = nullptr;
  for (const contract::InterfaceInfo* interface : contract::AllInterfaces()) {
    if (interface->service == "grpc.health.v1.Health") health = interface;
  }
  ASSERT_NE(health, nullptr);
  int object = 0;
  const MethodTable::SystemService system{health, &object};
  const MethodTable table(contract::AllInterfaces(), {&system, 1});
  const contract::MethodInfo* check = table.Find("/grpc.health.v1.Health/Check");
  ASSERT_NE(check, nullptr);
  EXPECT_EQ(table.RouteOf(*check).system_service, &object);
}

TEST(TokenBucketTest, GivesOneSecondsWorthAndThenTheRate) {
  TokenBucket bucket(100);
  const MonoNanos start = MonotonicNow();
  int given = 0;
  while (bucket.Take(1, start)) ++given;
  EXPECT_EQ(given, 100);
  EXPECT_FALSE(bucket.Take(1, start));
  EXPECT_GE(bucket.UntilOne(start).count(), 10);
  EXPECT_LE(bucket.UntilOne(start).count(), 12);
  for (int tick = 1; tick <= 500; ++tick) {
    if (bucket.Take(1, start + tick * kNanosPerMilli)) ++given;
  }
  EXPECT_EQ(given, 150);
}

TEST(TokenBucketTest, ShardsThatLeaseTogetherKeepTheRate) {
  TokenBucket bucket(50'000);
  const MonoNanos start = MonotonicNow();
  RateLease shards[2];
  int given = 0;
  // 4 seconds, asked for four times the rate.
  for (MonoNanos now = 0; now < 4 * kNanosPerSecond; now += 10'000) {
    for (RateLease& shard : shards) given += shard.Take(bucket, start + now) ? 1 : 0;
  }
  const int expected = 50'000 * 5;  // the burst and four seconds
  EXPECT_NEAR(given, expected, expected * 0.001);
}

TEST(TokenBucketTest, ALowRateIsNotLostInLeases) {
  TokenBucket bucket(2);
  const MonoNanos start = MonotonicNow();
  RateLease a;
  RateLease b;
  EXPECT_TRUE(a.Take(bucket, start));
  EXPECT_TRUE(b.Take(bucket, start));
  EXPECT_FALSE(a.Take(bucket, start));
  EXPECT_TRUE(b.Take(bucket, start + 500 * kNanosPerMilli));
}

class QueueDelayTest : public testing::Test {
 protected:
  // Calls every millisecond, each of which has waited so long behind so many others; the shard is
  // always busy. Returns the share that was turned away.
  double Run(MonoNanos waited, int calls, int calls_per_milli = 1,
             std::uint32_t ahead = QueueDelay::kFewCalls) {
    int shed = 0;
    for (int i = 0; i < calls; ++i) {
      if (i % calls_per_milli == 0) {
        now_ += kNanosPerMilli;
        delay_.Worked(kNanosPerMilli);
      }
      shed += delay_.ShouldShed(now_, waited, ahead) ? 1 : 0;
    }
    return static_cast<double>(shed) / calls;
  }

  MonoNanos now_ = kNanosPerSecond;
  QueueDelay delay_{
      QueueDelay::Options{.target = 20 * kNanosPerMilli, .interval = 100 * kNanosPerMilli}};
};

TEST_F(QueueDelayTest, ABurstIsServed) {
  Run(1 * kNanosPerMilli, 1000);
  EXPECT_EQ(Run(50 * kNanosPerMilli, 90), 0.0);
  EXPECT_EQ(Run(1 * kNanosPerMilli, 1000), 0.0);
}

TEST_F(QueueDelayTest, AStandingQueueIsCutDownAtOnceWhereCallsAreExpensive) {
  // One call a millisecond: turning it away costs next to nothing.
  Run(50 * kNanosPerMilli, 200);
  EXPECT_TRUE(delay_.standing());
  EXPECT_EQ(Run(50 * kNanosPerMilli, 100), 1.0);
  EXPECT_EQ(Run(5 * kNanosPerMilli, 50), 0.0);  // who did not wait is served
  Run(5 * kNanosPerMilli, 200);
  EXPECT_FALSE(delay_.standing());
}

TEST_F(QueueDelayTest, CheapCallsAreNotTurnedAwayForMoreThanTheBudget) {
  // A thousand calls a millisecond: at 2 us each, turning all of them away would take two
  // milliseconds of each.
  Run(50 * kNanosPerMilli, 300'000, 1000);
  EXPECT_TRUE(delay_.standing());
  const double shed = Run(50 * kNanosPerMilli, 1'000'000, 1000);
  const double cost = shed * 1000 * QueueDelay::kShedCost;  // ns a millisecond
  EXPECT_LE(cost, 1.01 / 6 * static_cast<double>(kNanosPerMilli));
  EXPECT_GT(shed, 0.05);
}

TEST_F(QueueDelayTest, AFewCallsAreNoQueueHoweverLongTheyWaited) {
  EXPECT_EQ(Run(kNanosPerSecond, 10'000, 1, 0), 0.0);
  EXPECT_EQ(Run(kNanosPerSecond, 10'000, 1, QueueDelay::kFewCalls - 1), 0.0);
  EXPECT_FALSE(delay_.standing());
  Run(kNanosPerSecond, 200);
  EXPECT_TRUE(delay_.standing());
  Run(kNanosPerSecond, 200, 1, 1);  // worked off
  EXPECT_FALSE(delay_.standing());
}

TEST_F(QueueDelayTest, APauseEndsIt) {
  Run(50 * kNanosPerMilli, 300);
  EXPECT_TRUE(delay_.standing());
  now_ += 10 * kNanosPerSecond;
  EXPECT_FALSE(delay_.ShouldShed(now_, 50 * kNanosPerMilli, 1000));
  EXPECT_FALSE(delay_.standing());
}

}  // namespace
}  // namespace prism::gateway
