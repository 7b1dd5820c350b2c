#include "gateway/rest/conditions.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prism::gateway {
namespace {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

rpc::RequestHeaders Headers(const Fields& fields) {
  rpc::RequestHeaders headers;
  for (const auto& [name, value] : fields) headers.Add(name, value, 1 << 16);
  return headers;
}

TEST(ETagTest, IsTheVersionInQuotes) {
  EXPECT_EQ(MakeETag("9k3"), "\"9k3\"");
  EXPECT_EQ(MakeETag("a\"b%c d\n"), "\"a%22b%25c%20d%0A\"");
}

TEST(EntityTagsTest, ReadsLists) {
  const auto headers = Headers({{"if-none-match", " W/\"a\" ,, \"b,c\"\t"},
                                {"other", "\"z\""},
                                {"if-none-match", "\"d%20e\""}});
  const auto list = ParseEntityTags(headers, "if-none-match");
  ASSERT_TRUE(list.has_value() && list->has_value());
  EXPECT_FALSE((*list)->any);
  EXPECT_EQ((*list)->tags.size(), 3u);
  EXPECT_TRUE((*list)->MatchesWeakly("a"));
  EXPECT_FALSE((*list)->MatchesStrongly("a"));
  EXPECT_TRUE((*list)->MatchesStrongly("d e"));
  EXPECT_FALSE((*list)->MatchesWeakly("b"));
  EXPECT_FALSE((*list)->MatchesWeakly("z"));
  EXPECT_FALSE((*list)->MatchesWeakly(""));
}

TEST(EntityTagsTest, StarMatchesAllAndAbsenceIsNoCondition) {
  const auto star = ParseEntityTags(Headers({{"if-match", " * "}}), "if-match");
  ASSERT_TRUE(star.has_value() && star->has_value());
  EXPECT_TRUE((*star)->MatchesStrongly("anything"));
  const auto none = ParseEntityTags(Headers({{"if-match", "*"}}), "if-none-match");
  ASSERT_TRUE(none.has_value());
  EXPECT_FALSE(none->has_value());
}

TEST(EntityTagsTest, RefusesWhatIsNoList) {
  for (const std::string_view value :
       {"", " ", ",", "abc", "\"abc", "abc\"", "w/\"a\"", "W/a", "W/", "W/ \"a\"", "\"a\" \"b\"",
        "\"a\"b", "\"a\";\"b\"", "*, \"a\"", "\"a\", *", "**", "\"a b\"", "\"a\tb\"", "'a'"}) {
    const auto list = ParseEntityTags(Headers({{"if-match", value}}), "if-match");
    ASSERT_FALSE(list.has_value()) << value;
    EXPECT_EQ(list.error().reason(), "ETAG_MALFORMED");
  }
  const auto lines = Headers({{"if-match", "*"}, {"if-match", "\"a\""}});
  EXPECT_FALSE(ParseEntityTags(lines, "if-match").has_value());
}

TEST(WriteConditionTest, IsNoneAbsentOrAVersion) {
  const auto none = ParseWriteCondition(Headers({}));
  ASSERT_TRUE(none.has_value());
  EXPECT_EQ(none->kind, WriteCondition::Kind::kNone);
  const auto absent = ParseWriteCondition(Headers({{"if-none-match", "*"}}));
  ASSERT_TRUE(absent.has_value());
  EXPECT_EQ(absent->kind, WriteCondition::Kind::kAbsent);
  const auto version = ParseWriteCondition(Headers({{"if-match", "\"a%20b\""}}));
  ASSERT_TRUE(version.has_value());
  EXPECT_EQ(version->kind, WriteCondition::Kind::kVersion);
  EXPECT_EQ(version->version, "a b");
}

TEST(WriteConditionTest, RefusesWhatNoAtomicCallCanHold) {
  struct Case {
    Fields fields;
    std::string_view reason;
  };
  const std::vector<Case> cases = {
      {{{"if-match", "*"}}, "CONDITION_UNSUPPORTED"},
      {{{"if-match", "\"a\", \"b\""}}, "CONDITION_UNSUPPORTED"},
      {{{"if-none-match", "\"a\""}}, "CONDITION_UNSUPPORTED"},
      {{{"if-match", "\"a\""}, {"if-none-match", "*"}}, "CONDITION_UNSUPPORTED"},
      {{{"if-match", "W/\"a\""}}, "VERSION_MISMATCH"},
      {{{"if-match", "\"\""}}, "VERSION_MISMATCH"},
      {{{"if-match", "a"}}, "ETAG_MALFORMED"},
      {{{"if-match", "\"%4\""}}, "PERCENT_ESCAPE_INVALID"},
      {{{"if-match", "\"%FF\""}}, "MALFORMED_MESSAGE"},
  };
  for (const auto& [fields, reason] : cases) {
    const auto condition = ParseWriteCondition(Headers(fields));
    ASSERT_FALSE(condition.has_value()) << reason;
    EXPECT_EQ(condition.error().reason(), reason);
  }
}

TEST(VersionMismatchTest, SaysWhatIsThere) {
  EXPECT_EQ(VersionMismatch("7").metadata(),
            (std::vector<std::pair<std::string, std::string>>{{"version", "7"}}));
  EXPECT_TRUE(VersionMismatch("").metadata().empty());
}

}  // namespace
}  // namespace prism::gateway
