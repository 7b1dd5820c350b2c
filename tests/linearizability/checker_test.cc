#include "tests/linearizability/checker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace prism::linearizability {
namespace {

Operation Set(std::int64_t from, std::int64_t to, Value value) {
  return {.kind = Kind::kSet, .invoked = from, .returned = to, .argument = value};
}
Operation Get(std::int64_t from, std::int64_t to, Value seen) {
  return {.kind = Kind::kGet, .invoked = from, .returned = to, .seen = seen};
}
Operation Delete(std::int64_t from, std::int64_t to, bool existed) {
  return {.kind = Kind::kDelete, .invoked = from, .returned = to, .succeeded = existed};
}
Operation Cas(std::int64_t from, std::int64_t to, Value expected, Value value, bool swapped) {
  return {.kind = Kind::kCompareAndSwap,
          .invoked = from,
          .returned = to,
          .argument = value,
          .expected = expected,
          .succeeded = swapped};
}

bool Linearizable(std::vector<Operation> history) {
  return !FindViolation(std::move(history)).has_value();
}

TEST(LinearizabilityTest, SequentialHistoriesMustAgreeWithARegister) {
  EXPECT_TRUE(Linearizable({}));
  EXPECT_TRUE(Linearizable(
      {Get(1, 2, kAbsent), Set(3, 4, 7), Get(5, 6, 7), Delete(7, 8, true), Get(9, 10, kAbsent)}));
  EXPECT_FALSE(Linearizable({Set(1, 2, 7), Get(3, 4, kAbsent)})) << "a lost write";
  EXPECT_FALSE(Linearizable({Set(1, 2, 7), Set(3, 4, 8), Get(5, 6, 7)})) << "a stale read";
  EXPECT_FALSE(Linearizable({Delete(1, 2, true)})) << "nothing was there";
}

TEST(LinearizabilityTest, ConcurrentOperationsMayTakeEitherOrder) {
  EXPECT_TRUE(Linearizable({Set(1, 10, 7), Get(2, 3, kAbsent), Get(4, 5, 7)}));
  EXPECT_FALSE(Linearizable({Set(1, 10, 7), Get(2, 3, 7), Get(4, 5, kAbsent)}))
      << "read back in time";
  EXPECT_TRUE(Linearizable({Set(1, 10, 7), Set(1, 10, 8), Get(11, 12, 7), Get(13, 14, 7)}));
  EXPECT_FALSE(Linearizable({Set(1, 10, 7), Set(1, 10, 8), Get(11, 12, 7), Get(13, 14, 8)}));
}

TEST(LinearizabilityTest, OneWinnerAmongConcurrentSwaps) {
  EXPECT_TRUE(
      Linearizable({Cas(1, 10, kAbsent, 7, true), Cas(1, 10, kAbsent, 8, false), Get(11, 12, 7)}));
  EXPECT_FALSE(Linearizable({Cas(1, 10, kAbsent, 7, true), Cas(1, 10, kAbsent, 8, true)}));
  EXPECT_FALSE(Linearizable({Set(1, 2, 5), Cas(3, 10, 5, 7, false), Cas(3, 10, 5, 8, false)}))
      << "nobody won";
}

TEST(LinearizabilityTest, UnknownOutcomesMayHappenLateOrNever) {
  EXPECT_TRUE(Linearizable({Set(1, kNeverReturned, 7), Get(2, 3, kAbsent), Get(4, 5, kAbsent)}));
  EXPECT_TRUE(Linearizable({Set(1, kNeverReturned, 7), Get(2, 3, kAbsent), Get(4, 5, 7)}));
  EXPECT_FALSE(Linearizable({Set(1, kNeverReturned, 7), Get(2, 3, 7), Get(4, 5, kAbsent)}))
      << "happened, then undone";
}

TEST(LinearizabilityTest, TheViolationNamesThePrefix) {
  const auto violation = FindViolation({Set(1, 2, 7), Get(3, 4, kAbsent), Set(5, 6, 8)});
  ASSERT_TRUE(violation.has_value());
  EXPECT_NE(violation->find("given at 4"), std::string::npos) << *violation;
}

// A real register, operations at random instants inside random intervals: always clean. Then one
// answer is falsified into a value that nothing ever wrote: never clean.
TEST(LinearizabilityTest, RandomHistoriesOfARealRegister) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20; ++round) {
    struct Planned {
      std::int64_t at;
      Operation op;
    };
    std::vector<Planned> plan;
    for (int i = 0; i < 200; ++i) {
      const auto at = static_cast<std::int64_t>(random() % 50'000);
      Operation op{.kind = static_cast<Kind>(random() % 4),
                   .invoked = at - static_cast<std::int64_t>(random() % 2'000),
                   .returned = at + static_cast<std::int64_t>(random() % 2'000),
                   .argument = static_cast<Value>(i + 1),
                   .expected = static_cast<Value>(random() % 200)};
      plan.push_back({at, op});
    }
    std::sort(plan.begin(), plan.end(),
              [](const Planned& a, const Planned& b) { return a.at < b.at; });
    Value state = kAbsent;
    std::vector<Operation> history;
    for (Planned& planned : plan) {
      Operation& op = planned.op;
      if (op.kind == Kind::kCompareAndSwap && random() % 2 == 0) op.expected = state;
      if (op.kind == Kind::kGet) op.seen = state;
      if (op.kind == Kind::kDelete) op.succeeded = state != kAbsent;
      if (op.kind == Kind::kCompareAndSwap) op.succeeded = state == op.expected;
      if (op.kind == Kind::kSet) state = op.argument;
      if (op.kind == Kind::kDelete) state = kAbsent;
      if (op.kind == Kind::kCompareAndSwap && op.succeeded) state = op.argument;
      if (random() % 20 == 0) op.returned = kNeverReturned;
      history.push_back(op);
    }
    ASSERT_TRUE(Linearizable(history)) << "round " << round;
    const auto known_read = std::find_if(history.begin(), history.end(), [](const Operation& op) {
      return op.kind == Kind::kGet && op.returned != kNeverReturned;
    });
    ASSERT_NE(known_read, history.end());
    known_read->seen = 999'999;
    ASSERT_FALSE(Linearizable(history)) << "round " << round;
  }
}

}  // namespace
}  // namespace prism::linearizability
