#include "rpc/json/json_tape.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::rpc {
namespace {

constexpr std::size_t kDepth = 3;

std::string ReasonFor(std::string_view text) {
  const auto tape = JsonTape::Parse(text, kDepth);
  return tape ? "accepted" : std::string(tape.error().reason());
}

TEST(JsonTape, KeepsValuesInOrderWithTheirPlaces) {
  const std::string_view text = " {\"a\" : [1, -2.5e1,\"x\\u0041\"] ,\"b\":null, \"c\":{} }";
  const auto parsed = JsonTape::Parse(text, kDepth);
  ASSERT_TRUE(parsed.has_value());
  const JsonTape& tape = *parsed;
  ASSERT_EQ(tape.kind(JsonTape::kRoot), JsonKind::kObject);
  EXPECT_EQ(tape.size(JsonTape::kRoot), 3u);
  EXPECT_EQ(tape.position(JsonTape::kRoot), 1u);

  const auto list = tape.Find(JsonTape::kRoot, "a");
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(tape.size(*list), 3u);
  JsonTape::Index i = JsonTape::First(*list);
  EXPECT_EQ(tape.Text(i), "1");
  EXPECT_EQ(tape.Text(i + 1), "-2.5e1");
  EXPECT_EQ(tape.position(i + 1), text.find('-'));
  EXPECT_EQ(tape.Text(i + 2), "xA");
  EXPECT_EQ(tape.kind(i + 2), JsonKind::kEscapedString);
  EXPECT_EQ(tape.After(i + 2), tape.After(*list));
  EXPECT_EQ(tape.kind(*tape.Find(JsonTape::kRoot, "b")), JsonKind::kNull);
  const JsonTape::Index empty = *tape.Find(JsonTape::kRoot, "c");
  EXPECT_EQ(tape.size(empty), 0u);
  EXPECT_EQ(tape.After(empty), tape.After(JsonTape::kRoot));
  EXPECT_FALSE(tape.Find(JsonTape::kRoot, "d").has_value());
}

TEST(JsonTape, OnlyJsonIsAccepted) {
  for (const std::string_view text : {"",
                                      " ",
                                      "{a:1}",
                                      "{'a':1}",
                                      "[1,]",
                                      "{\"a\":1,}",
                                      "[1",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "[01]",
                                      "[+1]",
                                      "[.5]",
                                      "[1.]",
                                      "[NaN]",
                                      "[Infinity]",
                                      "nul",
                                      "1 2",
                                      "{} x",
                                      "// c\n1",
                                      "/**/1",
                                      "\"\t\"",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"abc",
                                      "\"\\ud800\"",
                                      "\"\\udc00\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"\xC0\x80\"",
                                      "\"\xED\xA0\x80\"",
                                      "\"\xF5\x80\x80\x80\"",
                                      "\"\xE2\x82\"",
                                      "\xEF\xBB\xBF{}",
                                      "{1:2}",
                                      "[1 2]",
                                      "]"}) {
    EXPECT_EQ(ReasonFor(text), "MALFORMED_MESSAGE") << text;
  }
  EXPECT_EQ(ReasonFor(std::string_view("1\0", 2)), "MALFORMED_MESSAGE");
  EXPECT_EQ(ReasonFor("\"\\ud83d\\ude00\""), "accepted");
  EXPECT_EQ(ReasonFor("1e999"), "JSON_OUT_OF_RANGE");
}

TEST(JsonTape, ErrorsTellTheByteAndNoValue) {
  const auto parsed = JsonTape::Parse(R"({"password":"hunter2" x})", kDepth);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().metadata().front(),
            (std::pair<std::string, std::string>("position", "22")));
  EXPECT_EQ(parsed.error().ToString().find("hunter2"), std::string::npos);
  EXPECT_EQ(parsed.error().ToString().find("password"), std::string::npos);
}

TEST(JsonTape, DepthIsBounded) {
  EXPECT_EQ(ReasonFor("[[[1]]]"), "accepted");
  EXPECT_EQ(ReasonFor("[{\"a\":[1]},[[]]]"), "accepted");
  EXPECT_EQ(ReasonFor("[[[{}]]]"), "JSON_TOO_DEEP");
  EXPECT_EQ(ReasonFor(std::string(1'000'000, '[')), "JSON_TOO_DEEP");
}

TEST(JsonTape, FindsKeysThatComeTwice) {
  const auto duplicate_at = [](const std::string& text) -> std::size_t {
    const JsonTape tape = JsonTape::Parse(text, kDepth).value();
    const auto twice = tape.FindDuplicate(JsonTape::kRoot);
    return twice ? tape.position(*twice) : 0;
  };
  EXPECT_EQ(duplicate_at(R"({"a":1,"b":{"a":2}})"), 0u);
  EXPECT_EQ(duplicate_at(R"({"a":1,"b":2,"\u0061":3})"), 13u);
  std::string many = "{";
  for (int i = 0; i < 100; ++i) many += '"' + std::to_string(i) + "\":[],";
  EXPECT_EQ(duplicate_at(many + R"("x":0})"), 0u);
  EXPECT_EQ(duplicate_at(many + R"("50":0})"), many.size());
}

TEST(JsonTape, BoundsTheNumberOfValues) {
  std::string text = "[0";
  while (text.size() < 262'138) text += ",0";
  EXPECT_TRUE(JsonTape::Parse(text + "]", kDepth));
  while (text.size() < 262'148) text += ",0";
  const auto parsed = JsonTape::Parse(text + "]", kDepth);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().reason(), "JSON_TOO_MANY_VALUES");
}

}  // namespace
}  // namespace prism::rpc
