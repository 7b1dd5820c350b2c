#include "telemetry/trace_context.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "telemetry/id_source.h"
#include "telemetry/request_id.h"

namespace prism::telemetry {
namespace {

constexpr std::string_view kTrace = "0af7651916cd43dd8448eb211c80319c";
constexpr std::string_view kParent = "b7ad6b7169203331";

std::string Header(std::string_view version, std::string_view flags, std::string_view rest = "") {
  std::string header(version);
  header.append("-").append(kTrace).append("-").append(kParent).append("-").append(flags);
  return header.append(rest);
}

TEST(TraceparentTest, ReadsTheParts) {
  for (const bool sampled : {false, true}) {
    const std::string header = Header("00", sampled ? "01" : "00");
    const auto parent = ParseTraceparent(header);
    ASSERT_TRUE(parent);
    EXPECT_EQ(parent->trace_id, kTrace);
    EXPECT_EQ(parent->parent_id, kParent);
    EXPECT_EQ(parent->sampled, sampled);
  }
}

TEST(TraceparentTest, OfTheFlagsOnlySampledCounts) {
  for (const auto& [flags, sampled] : std::vector<std::pair<std::string_view, bool>>{
           {"02", false}, {"03", true}, {"fe", false}, {"ff", true}, {"0a", false}, {"0b", true}}) {
    const std::string header = Header("00", flags);
    const auto parent = ParseTraceparent(header);
    ASSERT_TRUE(parent) << flags;
    EXPECT_EQ(parent->sampled, sampled) << flags;
  }
}

TEST(TraceparentTest, ReadsLaterVersionsAsFarAsItKnowsThem) {
  for (const std::string& header :
       {Header("01", "01"), Header("cc", "01", "-what-the-future-brings"),
        Header("fe", "01", "-")}) {
    const auto parent = ParseTraceparent(header);
    ASSERT_TRUE(parent) << header;
    EXPECT_EQ(parent->trace_id, kTrace);
    EXPECT_TRUE(parent->sampled);
  }
}

TEST(TraceparentTest, RefusesWhatIsMalformed) {
  const std::string good = Header("00", "01");
  std::vector<std::string> bad = {"",
                                  "00",
                                  good.substr(0, good.size() - 1),
                                  good + "-",
                                  good + "-00",
                                  good + "0",
                                  " " + good.substr(1),
                                  Header("ff", "01"),
                                  Header("0x", "01"),
                                  Header("0", "001"),
                                  Header("FE", "01"),
                                  Header("01", "01", "x"),
                                  Header("01", "01", ".1"),
                                  Header("00", "0x"),
                                  Header("00", "0A"),
                                  Header("00", "1 ")};
  for (const std::size_t at : {2u, 35u, 52u}) bad.push_back(good), bad.back()[at] = '_';
  for (const std::size_t at : {3u, 34u, 36u, 51u}) {
    for (const char c : {'G', 'A', 'g', ' ', '-', '\0'}) bad.push_back(good), bad.back()[at] = c;
  }
  std::string zero = good;
  zero.replace(3, 32, 32, '0');
  bad.push_back(zero);
  zero = good;
  zero.replace(36, 16, 16, '0');
  bad.push_back(zero);
  for (const std::string& header : bad) EXPECT_FALSE(ParseTraceparent(header)) << header;
}

TEST(TracestateTest, TakesLists) {
  std::string most;
  for (int i = 0; i < 32; ++i) most += (i == 0 ? "k" : ",k") + std::to_string(i) + "=v";
  for (const std::string& list :
       {std::string("congo=t61rcWkgMzE"), std::string("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        std::string(""), std::string(" , \t,"), std::string("a=1 ,\tb=2, ,c=3"),
        std::string("fw529a3039@dt=FfAAAc"), std::string("0tenant_-*/@s0_-*/=v"),
        std::string("a= leading and inner blanks"),
        std::string("a=!#$%&'()*+-./:;<>?@[]^_`{|}~\"\\"), std::string(256, 'k') + "=v",
        std::string(241, 't') + "@" + std::string(14, 's') + "=v", "a=" + std::string(256, 'v'),
        most}) {
    EXPECT_TRUE(IsTracestate(list)) << list;
  }
}

TEST(TracestateTest, RefusesWhatIsMalformed) {
  std::string many;
  for (int i = 0; i < 33; ++i) many += (i == 0 ? "k" : ",k") + std::to_string(i) + "=v";
  for (const std::string& list : {std::string("congo"),
                                  std::string("="),
                                  std::string("a="),
                                  std::string("a=1,=2"),
                                  std::string("A=1"),
                                  std::string("0a=1"),
                                  std::string("a.b=1"),
                                  std::string("a =1"),
                                  std::string("a=b=c"),
                                  std::string("a=\x7f"),
                                  std::string("a=\xc3\xa4"),
                                  std::string("a=1\tb"),
                                  std::string("@b=1"),
                                  std::string("a@=1"),
                                  std::string("a@b@c=1"),
                                  std::string("a@0=1"),
                                  std::string("_a@b=1"),
                                  std::string("a@b.c=1"),
                                  std::string(257, 'k') + "=v",
                                  std::string(242, 't') + "@s=v",
                                  "t@" + std::string(15, 's') + "=v",
                                  "a=" + std::string(257, 'v'),
                                  many}) {
    EXPECT_FALSE(IsTracestate(list)) << list;
  }
}

TEST(TraceContextTest, ContinuesTheTraceOfTheCaller) {
  IdSource ids(1);
  const std::string header = Header("cc", "ff", "-later");
  TraceContext trace;
  EXPECT_FALSE(trace.active());
  trace.Begin(header, " rojo=1 , congo=2 ", ids);
  ASSERT_TRUE(trace.active());
  EXPECT_EQ(trace.trace_id(), kTrace);
  EXPECT_EQ(trace.parent_id(), kParent);
  EXPECT_NE(trace.span_id(), kParent);
  EXPECT_TRUE(trace.sampled());
  EXPECT_EQ(trace.tracestate(), "rojo=1 , congo=2");
  EXPECT_EQ(trace.TraceparentHeader(),
            "00-" + std::string(kTrace) + "-" + std::string(trace.span_id()) + "-01");
  EXPECT_TRUE(ParseTraceparent(trace.TraceparentHeader()));
}

TEST(TraceContextTest, AMalformedStateDoesNotBreakTheTrace) {
  IdSource ids(1);
  const std::string header = Header("00", "00");
  TraceContext trace;
  trace.Begin(header, "rojo", ids);
  EXPECT_EQ(trace.trace_id(), kTrace);
  EXPECT_EQ(trace.tracestate(), "");
  EXPECT_FALSE(trace.sampled());
}

TEST(TraceContextTest, AMalformedParentBeginsANewTrace) {
  IdSource ids(1);
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    TraceContext trace;
    trace.Begin("00-nonsense", "rojo=1", ids);
    ASSERT_TRUE(trace.active());
    EXPECT_TRUE(seen.insert(std::string(trace.trace_id())).second);
    EXPECT_TRUE(seen.insert(std::string(trace.span_id())).second);
    EXPECT_EQ(trace.parent_id(), "");
    EXPECT_EQ(trace.tracestate(), "");
    EXPECT_FALSE(trace.sampled());
    EXPECT_TRUE(ParseTraceparent(trace.TraceparentHeader()));
  }
}

TEST(RequestIdTest, TakesWhatIsSane) {
  RequestId id;
  id.Make(7);
  const std::string made(id.text());
  EXPECT_EQ(made.size(), 16u);
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a\n"), std::string("a\""),
        std::string("a\\"), std::string("\xc3\xa4"), std::string(129, 'a')}) {
    EXPECT_FALSE(id.Take(bad));
    EXPECT_EQ(id.text(), made);
  }
  const std::string longest(128, 'z');
  EXPECT_TRUE(id.Take(longest));
  EXPECT_EQ(id.text(), longest);
}

TEST(RequestIdTest, MadeIdsDiffer) {
  IdSource ids;
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    RequestId id;
    id.Make(ids.Take());
    EXPECT_TRUE(RequestId::IsSane(id.text()));
    EXPECT_EQ(id.text().find_first_not_of("0123456789abcdef"), std::string_view::npos);
    EXPECT_TRUE(seen.insert(std::string(id.text())).second);
  }
}

TEST(IdSourceTest, SkipsZero) {
  EXPECT_EQ(IdSource::Scramble(0), 0u);
  IdSource ids(0);
  EXPECT_EQ(ids.TakeId(), IdSource::Scramble(1));
}

}  // namespace
}  // namespace prism::telemetry
