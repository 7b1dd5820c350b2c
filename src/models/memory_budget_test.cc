#include "models/memory_budget.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace prism::models {
namespace {

TEST(MemoryBudget, RefusesBeyondItsLimit) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.Charge(100));
  const Status refused = budget.Charge(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "MEMORY_LIMIT");
  EXPECT_EQ(budget.used(), 100U);
  budget.Release(1);
  EXPECT_TRUE(budget.Charge(1));
}

TEST(MemoryBudget, HasADefaultThatFitsTheMachine) {
  EXPECT_GT(MemoryBudget::DefaultMaxBytes(), 16u << 20);
  EXPECT_LT(MemoryBudget::DefaultMaxBytes(), std::uint64_t{1} << 50);
}

}  // namespace
}  // namespace prism::models
