#include "cli/record.h"

#include <gtest/gtest.h>

namespace prism::cli {
namespace {

constexpr WallMillis kNow = 1'795'000'000'000;

std::string RecordError(std::string_view line) {
  const Result<Record> record = ParseRecord(line, kNow);
  return record ? "parsed" : record.error().message();
}

TEST(ParseRecordTest, ReadsWhatExportWrites) {
  const Result<Record> record = ParseRecord(
      R"({"key":"a/b","value":"AP8=","version":"7","expire_time":"2026-11-18T16:53:21.250Z","tags":{"o":"w"}})",
      kNow);
  ASSERT_TRUE(record) << record.error().ToString();
  EXPECT_EQ(record->key, "a/b");
  EXPECT_EQ(record->value, std::string("\0\xff", 2));
  EXPECT_EQ(record->ttl, std::chrono::milliseconds(1'795'020'801'250 - kNow));
  EXPECT_EQ(record->tags.at("o"), "w");
}

TEST(ParseRecordTest, ReadsWhatPeopleWrite) {
  const Result<Record> record = ParseRecord(R"({"key": "a", "text": "hällo", "ttl": "1m"})", kNow);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->value, "hällo");
  EXPECT_EQ(record->ttl, std::chrono::minutes(1));
}

TEST(ParseRecordTest, SaysWhatIsWrong) {
  EXPECT_NE(RecordError("hello").find("no JSON object"), std::string::npos);
  EXPECT_NE(RecordError("[1]").find("no JSON object"), std::string::npos);
  EXPECT_NE(RecordError(R"({"key":"a"})").find("is missing"), std::string::npos);
  EXPECT_NE(RecordError(R"({"value":""})").find("\"key\" is missing"), std::string::npos);
  EXPECT_NE(RecordError(R"({"key":"a","value":"%"})").find("no base64"), std::string::npos);
  EXPECT_NE(RecordError(R"({"key":1,"value":""})").find("must be a string"), std::string::npos);
  EXPECT_NE(RecordError(R"({"key":"a","value":"","vlaue":""})").find("\"vlaue\" is unknown"),
            std::string::npos);
  EXPECT_NE(RecordError(R"({"key":"a","value":"","text":""})").find("same thing"),
            std::string::npos);
  EXPECT_NE(RecordError(R"({"key":"a","value":"","ttl":"1s","expire_time":"2026-11-21T05:00:00Z"})")
                .find("same thing"),
            std::string::npos);
  EXPECT_NE(RecordError(R"({"key":"a","value":"","expire_time":"tomorrow"})").find("RFC 3339"),
            std::string::npos);
  EXPECT_NE(RecordError(R"({"key":"a","value":"","tags":[]})").find("object of strings"),
            std::string::npos);
}

// The step as "kind|key|value", or the message of the error.
std::string StepText(std::string_view line) {
  const Result<std::optional<Step>> step = ParseStep(line, kNow);
  if (!step) return step.error().message();
  if (!*step) return "nothing";
  const int kind = static_cast<int>((*step)->kind);
  return std::to_string(kind) + "|" + (*step)->record.key + "|" + (*step)->record.value;
}

TEST(ParseStepTest, ReadsPlainLines) {
  EXPECT_EQ(StepText("get a"), "0|a|");
  EXPECT_EQ(StepText("set a b c"), "1|a|b c");
  EXPECT_EQ(StepText("set a  b "), "1|a| b ") << "spaces of the value stay";
  EXPECT_EQ(StepText("set a \"x\\n\\u00e4\""), "1|a|x\nä");
  EXPECT_EQ(StepText("set \"a \\\"key\\\"\" \"\""), "1|a \"key\"|");
  EXPECT_EQ(StepText("  delete a"), "2|a|");
  EXPECT_EQ(StepText(""), "nothing");
  EXPECT_EQ(StepText("   # comment"), "nothing");
}

TEST(ParseStepTest, ReadsJsonLines) {
  EXPECT_EQ(StepText(R"({"op":"set","key":"a","value":"aGk="})"), "1|a|hi");
  EXPECT_EQ(StepText(R"({"op":"get","key":"a"})"), "0|a|");
}

TEST(ParseStepTest, SaysWhatIsWrong) {
  EXPECT_NE(StepText("put a b").find("\"put\" is no step"), std::string::npos);
  EXPECT_NE(StepText("get").find("key behind \"get\""), std::string::npos);
  EXPECT_NE(StepText("get a b").find("takes a key only"), std::string::npos);
  EXPECT_NE(StepText("set a").find("value behind the key"), std::string::npos);
  EXPECT_NE(StepText("set a \"b").find("JSON string"), std::string::npos);
  EXPECT_NE(StepText("set a \"b\"c").find("space is missing"), std::string::npos);
  EXPECT_NE(StepText("set a \"b\" c").find("something follows"), std::string::npos);
  EXPECT_NE(StepText(R"({"key":"a"})").find("\"op\" is missing"), std::string::npos);
  EXPECT_NE(StepText(R"({"op":"set","key":"a"})").find("is missing"), std::string::npos);
  EXPECT_NE(StepText("get \"").find("JSON string"), std::string::npos);
  EXPECT_NE(StepText("get \"\\").find("JSON string"), std::string::npos);
}

}  // namespace
}  // namespace prism::cli
