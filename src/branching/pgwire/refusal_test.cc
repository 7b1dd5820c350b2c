#include "branching/pgwire/refusal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

namespace prism::branching {
namespace {

TEST(Refusal, EachHasAReasonOfItsOwnASqlstateAndAMessage) {
  const std::set<std::string_view> sqlstates{"08P01", "0A000", "28000", "28P01", "3D000",
                                             "42501", "53100", "53200", "53300", "55006",
                                             "57P01", "57P03", "58000", "XX001"};
  std::set<std::string_view> reasons;
  std::set<std::string_view> seen;
  for (int i = 0; i < static_cast<int>(Refusal::kCount); ++i) {
    const RefusalRow& row = Describe(static_cast<Refusal>(i));
    EXPECT_EQ(static_cast<int>(row.refusal), i);
    EXPECT_TRUE(reasons.insert(row.reason).second) << row.reason;
    EXPECT_TRUE(sqlstates.contains(row.sqlstate)) << row.reason;
    EXPECT_FALSE(row.message.empty()) << row.reason;
    seen.insert(row.sqlstate);
  }
  EXPECT_EQ(seen, sqlstates);
}

TEST(Refusal, IsAnErrorThatLeadsBackToTheTable) {
  const Error error = Refuse(Refusal::kBranchNotFound, "new");
  EXPECT_EQ(error.ToString(), "NOT_FOUND/BRANCH_NOT_FOUND: branch \"new\" does not exist");
  EXPECT_EQ(SqlErrorOf(error).sqlstate, "3D000");
  EXPECT_EQ(SqlErrorOf(error).hint, "`prism branch list` shows those that do");
}

TEST(Refusal, RepeatsOfTheSubjectWhatCanBeShown) {
  EXPECT_EQ(Refuse(Refusal::kBranchNotFound, "a\nb\x1b[0m{}").message(),
            "branch \"a?b?[0m{}\" does not exist");
  EXPECT_EQ(Refuse(Refusal::kBranchNotFound,
                   "\xff"
                   "a")
                .message(),
            "branch \"?a\" does not exist");
  EXPECT_EQ(Refuse(Refusal::kBranchNotFound, "h\xc3\xa9").message(),
            "branch \"h\xc3\xa9\" does not exist");
  const std::string cut(127, 'x');
  EXPECT_EQ(Refuse(Refusal::kBranchNotFound, cut + "\xc3\xa9" + std::string(10'000, 'y')).message(),
            "branch \"" + cut + "\" does not exist");
}

TEST(Refusal, OtherErrorsGetTheSqlstateOfTheirCode) {
  const auto sqlstate = [](Code code) { return SqlErrorOf(Error(code, "OTHER", "m")).sqlstate; };
  EXPECT_EQ(sqlstate(Code::kInvalidArgument), "08P01");
  EXPECT_EQ(sqlstate(Code::kNotFound), "3D000");
  EXPECT_EQ(sqlstate(Code::kPermissionDenied), "42501");
  EXPECT_EQ(sqlstate(Code::kUnauthenticated), "28000");
  EXPECT_EQ(sqlstate(Code::kResourceExhausted), "53300");
  EXPECT_EQ(sqlstate(Code::kUnimplemented), "0A000");
  EXPECT_EQ(sqlstate(Code::kUnavailable), "57P03");
  EXPECT_EQ(sqlstate(Code::kDeadlineExceeded), "57P03");
  EXPECT_EQ(sqlstate(Code::kFailedPrecondition), "55000");
  EXPECT_EQ(sqlstate(Code::kAlreadyExists), "42710");
  EXPECT_EQ(sqlstate(Code::kInternal), "XX000");
  EXPECT_EQ(SqlErrorOf(Error(Code::kInternal, "OTHER", "m")).hint, "");
}

}  // namespace
}  // namespace prism::branching
