#include "contract/durability.h"

#include <gtest/gtest.h>

namespace prism::contract {
namespace {

TEST(Durability, LevelsAreOrderedAsTheirPromisesAre) {
  EXPECT_LT(Durability::kMemory, Durability::kAccepted);
  EXPECT_LT(Durability::kAccepted, Durability::kFsynced);
  EXPECT_LT(Durability::kFsynced, Durability::kReplicated);
}

TEST(Durability, NamesAreThoseOfTheHeader) {
  EXPECT_EQ(DurabilityName(Durability::kMemory), "memory");
  EXPECT_EQ(DurabilityName(Durability::kAccepted), "accepted");
  EXPECT_EQ(DurabilityName(Durability::kFsynced), "fsynced");
  EXPECT_EQ(DurabilityName(Durability::kReplicated), "replicated");
}

TEST(Durability, ParsesItsNamesAndNothingElse) {
  for (const Durability level : {Durability::kMemory, Durability::kAccepted, Durability::kFsynced,
                                 Durability::kReplicated}) {
    EXPECT_EQ(ParseDurability(DurabilityName(level)), level);
  }
  EXPECT_EQ(ParseDurability(""), std::nullopt);
  EXPECT_EQ(ParseDurability("Memory"), std::nullopt);
  EXPECT_EQ(ParseDurability("fsynced "), std::nullopt);
}

}  // namespace
}  // namespace prism::contract
