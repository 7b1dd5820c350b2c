#include "base/strings.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace prism::base {
namespace {

TEST(Ascii, ComparesAndTrims) {
  EXPECT_TRUE(EqualsNoCase("Content-LENGTH", "content-length"));
  EXPECT_FALSE(EqualsNoCase("content-lengt", "content-length"));
  EXPECT_FALSE(EqualsNoCase("\xc4", "\xe4")) << "only ASCII has a case";
  EXPECT_EQ(LowerCase("GZip-\xc4"), "gzip-\xc4");
  EXPECT_EQ(Trim(" \t a b\t"), "a b");
  EXPECT_EQ(Trim(" \t"), "");
}

TEST(Ascii, FindsTokensInLists) {
  EXPECT_TRUE(HasToken("identity, deflate,GZIP", "gzip"));
  EXPECT_TRUE(HasToken("gzip", "gzip"));
  EXPECT_TRUE(HasToken(",,\tgzip ,", "gzip"));
  EXPECT_FALSE(HasToken("xgzip,gzipx, g zip", "gzip"));
  EXPECT_FALSE(HasToken("", "gzip"));
}

TEST(IsValidName, AcceptsTheWholeAlphabet) {
  EXPECT_TRUE(IsValidName("a"));
  EXPECT_TRUE(IsValidName("0"));
  EXPECT_TRUE(IsValidName("orders-2026"));
  EXPECT_TRUE(IsValidName("trailing-"));
  EXPECT_TRUE(IsValidName(std::string(kMaxNameLength, 'x')));
}

TEST(IsValidName, RefusesEverythingElse) {
  EXPECT_FALSE(IsValidName(""));
  EXPECT_FALSE(IsValidName("-leading"));
  EXPECT_FALSE(IsValidName("Upper"));
  EXPECT_FALSE(IsValidName("under_score"));
  EXPECT_FALSE(IsValidName("dot.dot"));
  EXPECT_FALSE(IsValidName("../etc"));
  EXPECT_FALSE(IsValidName("caf\xc3\xa9"));
  EXPECT_FALSE(IsValidName(std::string_view("a\0b", 3)));
  EXPECT_FALSE(IsValidName(std::string(kMaxNameLength + 1, 'x')));
}

TEST(EditDistance, CountsEachKindOfEditAsOne) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("backend", "backend"), 0U);
  EXPECT_EQ(EditDistance("backend", "backends"), 1U);
  EXPECT_EQ(EditDistance("backend", "bckend"), 1U);
  EXPECT_EQ(EditDistance("backend", "bazkend"), 1U);
  EXPECT_EQ(EditDistance("backend", "bakcend"), 1U);
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("abc", ""), 3U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
  EXPECT_EQ(EditDistance("ca", "abc"),
            3U);  // optimal string alignment, not the unrestricted distance of 2
}

TEST(NearestMatch, FindsWhatWasMeant) {
  const std::array<std::string, 4> keys = {"listen", "admin_listen", "data_dir", "shards"};
  EXPECT_EQ(NearestMatch("listen", keys), "listen");
  EXPECT_EQ(NearestMatch("data-dir", keys), "data_dir");
  EXPECT_EQ(NearestMatch("adminlisten", keys), "admin_listen");
  EXPECT_EQ(NearestMatch("shrads", keys), "shards");
}

TEST(NearestMatch, StaysSilentWhenNothingIsNear) {
  const std::array<std::string, 2> keys = {"listen", "shards"};
  EXPECT_EQ(NearestMatch("password", keys), std::nullopt);
  EXPECT_EQ(NearestMatch("listen", {}), std::nullopt);
}

TEST(NearestMatch, PrefersTheFirstOfEquals) {
  const std::array<std::string, 2> keys = {"get", "set"};
  EXPECT_EQ(NearestMatch("et", keys), "get");
}

}  // namespace
}  // namespace prism::base
