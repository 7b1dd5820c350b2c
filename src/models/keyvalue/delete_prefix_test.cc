#include "models/keyvalue/delete_prefix.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::models {
namespace {

TEST(DeletePrefixStates, ComeBack) {
  for (const bool done : {false, true}) {
    const auto state = DecodeDeletePrefix(EncodeDeletePrefix({.deleted = 300, .done = done}));
    ASSERT_TRUE(state);
    EXPECT_EQ(state->deleted, 300U);
    EXPECT_EQ(state->done, done);
  }
}

// Files of earlier versions hold these bytes.
TEST(DeletePrefixStates, LookAlwaysTheSame) {
  EXPECT_EQ(EncodeDeletePrefix({.deleted = 5, .done = false}), "P\x08\x05");
  EXPECT_EQ(EncodeDeletePrefix({.deleted = 5, .done = true}), "D\x08\x05");
}

TEST(DeletePrefixStates, NoBytesAreTheBeginningAndDamageIsFoundOut) {
  ASSERT_TRUE(DecodeDeletePrefix(""));
  EXPECT_EQ(DecodeDeletePrefix("")->deleted, 0U);
  EXPECT_FALSE(DecodeDeletePrefix("")->done);
  const auto damaged = DecodeDeletePrefix("P\x08");
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().reason(), "RECORD_DAMAGED");
}

}  // namespace
}  // namespace prism::models
