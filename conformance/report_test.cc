#include "conformance/report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <set>
#include <string>

namespace prism::conformance {
namespace {

Status Nothing(Run& /*run*/) { return {}; }

constexpr Case kFirst = {"A-1", "keyvalue_basic", "the first <promise>", Nothing};
constexpr Case kSecond = {"A-2", "keyvalue_basic", "the second", Nothing};
constexpr Case kOther = {"B-1", "keyvalue_cas", "the other", Nothing};

std::vector<CaseOutcome> Sample() {
  return {{&kFirst, Verdict::kKept, "", std::chrono::milliseconds(12)},
          {&kSecond, Verdict::kBroken, "saw \"x\" & \x01", std::chrono::milliseconds(3)},
          {&kOther, Verdict::kNotBound, "", std::chrono::milliseconds(1)}};
}

TEST(ReportTest, TextShowsTheMatrixAndTheFailures) {
  const std::string text = FormatText("scratch", Sample());
  EXPECT_NE(text.find("keyvalue_basic             FAIL            1      1         0"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("keyvalue_cas               not bound       0      0         1"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("FAIL A-2 keyvalue_basic: the second"), std::string::npos) << text;
}

TEST(ReportTest, JsonHasEveryCase) {
  const auto json = nlohmann::json::parse(FormatJson("scratch", Sample()));
  EXPECT_EQ(json["interfaces"]["keyvalue_basic"], "FAIL");
  ASSERT_EQ(json["cases"].size(), 3u);
  EXPECT_EQ(json["cases"][0]["milliseconds"], 12);
}

TEST(ReportTest, JunitEscapesWhatXmlForbids) {
  const std::string xml = FormatJunit("scratch", Sample());
  EXPECT_NE(xml.find("the first &lt;promise&gt;"), std::string::npos);
  EXPECT_NE(xml.find("saw &quot;x&quot; &amp; ?"), std::string::npos);
  EXPECT_NE(xml.find("<skipped message=\"not bound\"/>"), std::string::npos);
  EXPECT_EQ(xml.find('\x01'), std::string::npos);
}

TEST(ReportTest, OnlyBrokenPromisesFailTheRun) {
  auto outcomes = Sample();
  EXPECT_FALSE(AllKept(outcomes));
  outcomes.erase(outcomes.begin() + 1);
  EXPECT_TRUE(AllKept(outcomes));
}

TEST(CasesTest, IdsAreUniqueAndEverySuiteHasCases) {
  std::set<std::string_view> ids;
  std::set<std::string_view> interfaces;
  for (const Case* test : AllCases()) {
    EXPECT_TRUE(ids.insert(test->id).second) << test->id << " stands twice";
    interfaces.insert(test->interface);
  }
  EXPECT_EQ(interfaces.size(), 6u);
}

}  // namespace
}  // namespace prism::conformance
