#include "branching/pgwire/cancel_keys.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

#include "branching/pgwire/startup_message.h"

namespace prism::branching {
namespace {

TEST(CancelKeys, FindsTheSessionByItsKey) {
  CancelKeys keys(100, 3);
  const CancelKey old = *keys.Mint(kProtocol30, 7);
  const CancelKey now = *keys.Mint(kProtocol32, 8);
  EXPECT_EQ(old.process_id, 100U);
  EXPECT_EQ(old.key.size(), 4U);
  EXPECT_EQ(now.process_id, 101U);
  EXPECT_EQ(now.key.size(), 32U);
  EXPECT_EQ(keys.Find(old.process_id, old.key), 7U);
  EXPECT_EQ(keys.Find(now.process_id, now.key), 8U);
  EXPECT_EQ(keys.size(), 2U);
}

TEST(CancelKeys, AnothersKeyIsNoKey) {
  CancelKeys keys(1, 3);
  const CancelKey one = *keys.Mint(kProtocol32, 7);
  const CancelKey two = *keys.Mint(kProtocol32, 8);
  EXPECT_EQ(keys.Find(one.process_id, two.key), std::nullopt);
  EXPECT_EQ(keys.Find(one.process_id, one.key.substr(0, 31)), std::nullopt);
  EXPECT_EQ(keys.Find(one.process_id, one.key + "x"), std::nullopt);
  EXPECT_EQ(keys.Find(one.process_id, ""), std::nullopt);
  for (std::size_t i = 0; i < one.key.size(); ++i) {
    std::string wrong = one.key;
    wrong[i] = static_cast<char>(wrong[i] ^ 1);
    EXPECT_EQ(keys.Find(one.process_id, wrong), std::nullopt) << i;
  }
}

TEST(CancelKeys, FreeSlotsAndOtherIdsHaveNoKey) {
  CancelKeys keys(10, 2);
  const CancelKey key = *keys.Mint(kProtocol30, 7);
  for (const std::uint32_t id : {0U, 9U, 11U, 12U, 0xffffffffU}) {
    EXPECT_EQ(keys.Find(id, key.key), std::nullopt) << id;
    EXPECT_EQ(keys.Find(id, ""), std::nullopt) << id;
    EXPECT_EQ(keys.Find(id, std::string(4, '\0')), std::nullopt) << id;
  }
}

TEST(CancelKeys, ARemovedKeyStaysWithoutEffectWhenItsSlotIsUsedAgain) {
  CancelKeys keys(1, 1);
  const CancelKey first = *keys.Mint(kProtocol32, 7);
  keys.Remove(first.process_id);
  EXPECT_EQ(keys.Find(first.process_id, first.key), std::nullopt);
  const CancelKey second = *keys.Mint(kProtocol32, 8);
  EXPECT_EQ(second.process_id, first.process_id);
  EXPECT_EQ(keys.Find(first.process_id, first.key), std::nullopt);
  EXPECT_EQ(keys.Find(second.process_id, second.key), 8U);
}

TEST(CancelKeys, ThereAreAsManyAsSlots) {
  CancelKeys keys(1, 2);
  std::set<std::string> minted;
  minted.insert(keys.Mint(kProtocol32, 1)->key);
  minted.insert(keys.Mint(kProtocol32, 2)->key);
  EXPECT_EQ(minted.size(), 2U);
  EXPECT_EQ(keys.Mint(kProtocol32, 3).error().reason(), "TOO_MANY_CONNECTIONS");
  keys.Remove(1);
  EXPECT_EQ(keys.Mint(kProtocol32, 3)->process_id, 1U);
}

}  // namespace
}  // namespace prism::branching
