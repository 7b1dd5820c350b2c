#include "filter/parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <string>
#include <string_view>

#include "base/strings.h"

namespace prism::filter {
namespace {

std::string Print(const Literal& literal) {
  return fmt::format("{}<{}>{}", literal.any_front ? "*" : "", literal.text,
                     literal.any_back ? "*" : "");
}

std::string Print(const Member& member) {
  std::string out;
  for (const std::string& part : member.parts) out += fmt::format("[{}]", part);
  return out;
}

std::string Print(const Expression& expression);

std::string PrintChildren(std::string_view name, const Expression& expression) {
  std::string out = fmt::format("({}", name);
  for (const Expression& child : expression.children) out += " " + Print(child);
  return out + ")";
}

std::string Print(const Call& call) {
  std::string out = "(call " + call.name;
  for (const Literal& argument : call.arguments) out += " " + Print(argument);
  return out + ")";
}

std::string Print(const Expression& expression) {
  static constexpr std::array<std::string_view, 7> kSigns = {"=", "!=", "<", "<=", ">", ">=", ":"};
  switch (expression.kind) {
    case Expression::Kind::kAnd:
      return PrintChildren("and", expression);
    case Expression::Kind::kOr:
      return PrintChildren("or", expression);
    case Expression::Kind::kNot:
      return PrintChildren("not", expression);
    case Expression::Kind::kComparison:
      return fmt::format("({} {} {})", kSigns[static_cast<std::size_t>(expression.comparator)],
                         Print(expression.member), Print(expression.literal));
    case Expression::Kind::kSearch:
      return Print(expression.literal);
    case Expression::Kind::kCall:
      return Print(expression.call);
  }
  return "";
}

std::string Outcome(const Result<Expression>& parsed) {
  if (parsed) return "=>  " + Print(*parsed);
  const auto& metadata = parsed.error().metadata();
  EXPECT_EQ(parsed.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(metadata.front().first, "column");
  return fmt::format("!!  {} {}", parsed.error().reason(), metadata.front().second);
}

TEST(FilterParser, TakesAndRefusesWhatTheTableSays) {
  std::ifstream file(PRISM_FILTER_CASES);
  ASSERT_TRUE(file);
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t taken = line.rfind("  =>");
    const std::size_t at = taken != std::string::npos ? taken : line.rfind("  !!");
    ASSERT_NE(at, std::string::npos) << line;
    const std::string filter = line.substr(0, at);
    EXPECT_EQ(Outcome(Parse(filter)), base::Trim(line.substr(at))) << "filter: " << filter;
    ++cases;
  }
  EXPECT_GT(cases, 100);
}

TEST(FilterParser, MessagesSayWhatWouldBeRight) {
  const auto parsed = Parse("name = \"x\" AND )");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message(),
            "filter, column 16: expected a field or a value, found \")\"");
  EXPECT_EQ(parsed.error().metadata()[1].first, "expected");
  EXPECT_EQ(parsed.error().fields().front().field, "filter");
  EXPECT_EQ(
      Parse("a)\n\tand what follows, which is longer than a message should be").error().message(),
      "filter, column 2: expected AND, OR, or the end, found \")  and what follows, which is "
      "longer tha...\"");
  EXPECT_EQ(Parse("a AND ").error().message(),
            "filter, column 7: expected a field or a value, and the filter ends");
}

TEST(FilterParser, RefusesWhatIsNoText) {
  const auto refusal = [](std::string_view text) { return Outcome(Parse(text)); };
  EXPECT_EQ(refusal("a = \"\xFF\""), "!!  FILTER_MALFORMED 6");
  EXPECT_EQ(refusal("ü = \xE6\x97"), "!!  FILTER_MALFORMED 5");
  EXPECT_EQ(refusal(std::string_view("a = \0", 5)), "!!  FILTER_MALFORMED 5");
  EXPECT_EQ(refusal("ab\x1b = 1"), "!!  FILTER_MALFORMED 3");
  EXPECT_EQ(refusal("a\n=\t1\r\n"), "=>  (= [a] <1>)");
  EXPECT_EQ(refusal("a = \"x\ny\\n\\t\\r\""), "=>  (= [a] <x\ny\n\t\r>)");
}

TEST(FilterParser, LimitsAreOfTheCaller) {
  const Limits limits = {.max_bytes = 10, .max_clauses = 2, .max_depth = 1};
  EXPECT_TRUE(Parse("(a) b", limits));
  EXPECT_EQ(Outcome(Parse("a b c", limits)), "!!  FILTER_TOO_COMPLEX 5");
  EXPECT_EQ(Outcome(Parse("((a))", limits)), "!!  FILTER_TOO_COMPLEX 2");
  EXPECT_EQ(Outcome(Parse("abcdefghijk", limits)), "!!  FILTER_TOO_COMPLEX 1");
}

TEST(FilterParser, NothingOverflowsTheStack) {
  for (const std::string_view piece : {"(", "-(", "NOT (", "a = (", "-", "a.", "\"", "a OR "}) {
    std::string text;
    while (text.size() < 1'000'000) text += piece;
    EXPECT_FALSE(Parse(text, {.max_bytes = 2'000'000})) << piece;
  }
}

}  // namespace
}  // namespace prism::filter
