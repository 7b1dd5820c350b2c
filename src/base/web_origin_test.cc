#include "base/web_origin.h"

#include <gtest/gtest.h>

namespace prism::base {
namespace {

WebOriginPattern Pattern(std::string_view text) {
  auto pattern = WebOriginPattern::Parse(text);
  EXPECT_TRUE(pattern) << text << ": " << pattern.error().ToString();
  return *pattern;
}

TEST(WebOriginTest, IsWrittenAsBrowsersWriteIt) {
  EXPECT_EQ(Pattern("https://app.example.com").text(), "https://app.example.com");
  EXPECT_EQ(Pattern("HTTPS://App.Example.com:443").text(), "https://app.example.com");
  EXPECT_EQ(Pattern("http://localhost:80").text(), "http://localhost");
  EXPECT_EQ(Pattern("http://localhost:443").text(), "http://localhost:443");
  EXPECT_EQ(Pattern("http://[::1]:5173").text(), "http://[::1]:5173");
  EXPECT_EQ(Pattern("http://[::1]").text(), "http://[::1]");
  EXPECT_EQ(Pattern("https://*.Example.com").text(), "https://*.example.com");
  EXPECT_EQ(Pattern("capacitor://localhost").text(), "capacitor://localhost");
}

TEST(WebOriginTest, MatchesSchemeHostAndPortAsTheyAre) {
  const WebOriginPattern pattern = Pattern("https://app.example.com:8443");
  EXPECT_TRUE(pattern.Matches("https://app.example.com:8443"));
  for (const char* other :
       {"http://app.example.com:8443", "https://app.example.com", "https://app.example.com:84431",
        "https://app.example.com:844", "https://xapp.example.com:8443", "null", "",
        "https://app.example.com:8443/", "https://app.example.com:8443 https://b"}) {
    EXPECT_FALSE(pattern.Matches(other)) << other;
  }
}

TEST(WebOriginTest, AStarStandsForLabelsBelowAHost) {
  const WebOriginPattern pattern = Pattern("https://*.example.com");
  EXPECT_TRUE(pattern.Matches("https://a.example.com"));
  EXPECT_TRUE(pattern.Matches("https://a.b-2.example.com"));
  for (const char* other :
       {"https://example.com", "https://.example.com", "https://evilexample.com",
        "http://a.example.com", "https://a.example.com:8443", "https://evil.com/.example.com",
        "https://evil.com:1.example.com", "https://u@evil.example.com",
        "https://a.example.com.x"}) {
    EXPECT_FALSE(pattern.Matches(other)) << other;
  }
  EXPECT_TRUE(Pattern("https://*.example.com:8443").Matches("https://a.example.com:8443"));
  EXPECT_FALSE(Pattern("https://*.example.com:8443").Matches("https://a.example.com"));
}

TEST(WebOriginTest, TheStarAloneMatchesAll) {
  EXPECT_TRUE(Pattern("*").any());
  EXPECT_TRUE(Pattern("*").Matches("https://a"));
  EXPECT_TRUE(Pattern("*").Matches("null"));
  EXPECT_FALSE(Pattern("https://*.example.com").any());
}

TEST(WebOriginTest, RefusesWhatNoBrowserSends) {
  for (const char* bad : {"",
                          "null",
                          "app.example.com",
                          "localhost:8080",
                          "https://",
                          "https://a/",
                          "https://a/path",
                          "://a",
                          "1http://a",
                          "https://*",
                          "https://a.*.com",
                          "https://*a.com",
                          "*://a",
                          "https://a b",
                          "https://u@a",
                          "https://a:0",
                          "https://a:",
                          "https://a:65536",
                          "https://a:08",
                          "https://.a",
                          "https://a..b",
                          "https://[x]",
                          "https://[]",
                          "https://a?b",
                          "https://*.*.com"}) {
    const auto pattern = WebOriginPattern::Parse(bad);
    ASSERT_FALSE(pattern) << bad;
    EXPECT_EQ(pattern.error().reason(), "BAD_ORIGIN") << bad;
  }
  EXPECT_FALSE(WebOriginPattern::Parse("https://" + std::string(400, 'a')));
}

TEST(WebOriginTest, ListsAreSeparatedByCommas) {
  const auto two = ParseWebOrigins(" https://a ,http://b:1,");
  ASSERT_TRUE(two);
  ASSERT_EQ(two->size(), 2u);
  EXPECT_EQ(two->back().text(), "http://b:1");
  EXPECT_TRUE(ParseWebOrigins("")->empty());
  EXPECT_FALSE(ParseWebOrigins("https://a,b"));
}

}  // namespace
}  // namespace prism::base
