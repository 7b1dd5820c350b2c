#include "base/status.h"

#include <gtest/gtest.h>

#include <string>

namespace prism {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return std::unexpected(InvalidField("ODD", "value", "must be even"));
  return value / 2;
}

Result<int> Quarter(int value) {
  TRY_ASSIGN(const int half, Half(value));
  TRY(Half(half));
  return half / 2;
}

TEST(Status, NamesCodesAsGrpcDoes) {
  EXPECT_EQ(CodeName(Code::kOk), "OK");
  EXPECT_EQ(CodeName(Code::kInvalidArgument), "INVALID_ARGUMENT");
  EXPECT_EQ(CodeName(Code::kUnauthenticated), "UNAUTHENTICATED");
  EXPECT_EQ(CodeName(static_cast<Code>(99)), "UNKNOWN");
}

TEST(Status, MacrosPassValuesAndErrorsOn) {
  EXPECT_EQ(*Quarter(8), 2);
  const auto at_once = Quarter(7);
  ASSERT_FALSE(at_once);
  EXPECT_EQ(at_once.error().reason(), "ODD");
  const auto later = Quarter(6);
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().ToString(), "INVALID_ARGUMENT/ODD: value: must be even");
}

TEST(Status, InvalidFieldNamesTheField) {
  const Error error = InvalidField("EMPTY_KEY", "key", "must not be empty");
  ASSERT_EQ(error.fields().size(), 1U);
  EXPECT_EQ(error.fields()[0].field, "key");
  EXPECT_EQ(error.fields()[0].description, "must not be empty");
}

TEST(Status, ChangingACopyLeavesTheOriginalAlone) {
  const Error original(Code::kUnavailable, "DOWN", "not now");
  const Error changed =
      Error(original).With("backend", "redis-1").WithRetryAfter(std::chrono::milliseconds(50));
  EXPECT_TRUE(original.metadata().empty());
  EXPECT_FALSE(original.retry_after());
  EXPECT_EQ(changed.metadata().size(), 1U);
  EXPECT_EQ(changed.retry_after(), std::chrono::milliseconds(50));
}

}  // namespace
}  // namespace prism
