#include "rpc/json/json_codec.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/field_comparator.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rpc/json/any_type.h"
#include "rpc/json/testing/kinds.pb.h"

namespace prism::rpc {
namespace {

using google::protobuf::Message;
using google::protobuf::TextFormat;
using google::protobuf::util::MessageDifferencer;
using json::testing::Kinds;

using Case = std::map<std::string, std::string>;

// The paragraphs of testing/cases.txt.
std::vector<Case> LoadCases() {
  std::vector<Case> cases;
  std::ifstream file(PRISM_JSON_CASES);
  Case current;
  const auto finish = [&] {
    if (!current.empty()) cases.push_back(std::move(current));
    current.clear();
  };
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) finish();
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t colon = line.find(':');
    EXPECT_NE(colon, std::string::npos) << line;
    const std::size_t value = std::min(colon + 2, line.size());
    EXPECT_TRUE(current.emplace(line.substr(0, colon), line.substr(value)).second) << line;
  }
  finish();
  return cases;
}

std::unique_ptr<Message> MessageFor(const Case& test) {
  const auto type = test.find("type");
  if (type == test.end()) return std::make_unique<Kinds>();
  const Message* const prototype = FindAnyType("/" + type->second);
  EXPECT_NE(prototype, nullptr) << type->second;
  return std::unique_ptr<Message>(prototype->New());
}

std::unique_ptr<Message> Expected(const Case& test) {
  std::unique_ptr<Message> message = MessageFor(test);
  EXPECT_TRUE(TextFormat::ParseFromString(test.at("text"), message.get()));
  return message;
}

std::string Metadata(const Error& error, std::string_view key) {
  for (const auto& [name, value] : error.metadata()) {
    if (name == key) return value;
  }
  return {};
}

void ExpectAccepted(const Case& test, const JsonOptions& options) {
  const std::unique_ptr<Message> message = MessageFor(test);
  const Status parsed = ParseJson(test.at("in"), *message, options);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().ToString();
  const std::unique_ptr<Message> expected = Expected(test);
  google::protobuf::util::DefaultFieldComparator numbers;
  numbers.set_treat_nan_as_equal(true);
  MessageDifferencer differencer;
  differencer.set_field_comparator(&numbers);
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differencer.Compare(*expected, *message)) << difference;

  std::string out = "before ";
  const Status written = WriteJson(*expected, out);
  ASSERT_TRUE(written.has_value()) << written.error().ToString();
  EXPECT_EQ(out, "before " + (test.contains("out") ? test.at("out") : test.at("in")));
}

void ExpectRefused(const Case& test, const JsonOptions& options) {
  const std::unique_ptr<Message> message = MessageFor(test);
  const Status parsed = ParseJson(test.at("in"), *message, options);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(parsed.error().reason(), test.at("reason")) << parsed.error().ToString();
  const auto& fields = parsed.error().fields();
  EXPECT_EQ(
      (fields.empty() ? "" : fields.front().field) + "@" + Metadata(parsed.error(), "position"),
      test.at("at"));
  EXPECT_EQ(message->ByteSizeLong(), 0u) << "half-applied";
}

void ExpectUnwritable(const Case& test) {
  std::string out = "before";
  const Status written = WriteJson(*Expected(test), out);
  ASSERT_FALSE(written.has_value()) << out;
  EXPECT_EQ(written.error().code(), Code::kInternal);
  EXPECT_EQ(written.error().reason(), test.at("unwritable"));
  EXPECT_EQ(Metadata(written.error(), "path"), test.at("at"));
  EXPECT_EQ(out, "before");
}

TEST(JsonCodec, Cases) {
  const std::vector<Case> cases = LoadCases();
  ASSERT_GT(cases.size(), 100u);
  for (const Case& test : cases) {
    SCOPED_TRACE(test.at("name"));
    const JsonOptions options{.ignore_unknown =
                                  test.contains("option") && test.at("option") == "ignore_unknown"};
    if (test.contains("unwritable")) {
      ExpectUnwritable(test);
    } else if (test.contains("reason")) {
      ExpectRefused(test, options);
    } else {
      ExpectAccepted(test, options);
    }
  }
}

TEST(JsonCodec, ReplacesWhatWasInTheMessage) {
  Kinds kinds;
  kinds.set_string("old");
  ASSERT_TRUE(ParseJson(R"({"int32":1})", kinds).has_value());
  EXPECT_EQ(kinds.string(), "");
  EXPECT_EQ(kinds.int32(), 1);
}

TEST(JsonCodec, ErrorsAdviseAndNeverRepeatValues) {
  Kinds kinds;
  const Status typo = ParseJson(R"({"strng":"hunter2"})", kinds);
  ASSERT_FALSE(typo.has_value());
  EXPECT_EQ(typo.error().message(),
            "strng (byte 1): prism.rpc.json.testing.Kinds has no such field, did you mean "
            "\"string\"?");
  for (const char* text :
       {R"({"int32":"hunter2"})", R"({"bytes":"hunter2!"})", R"({"color":"hunter2"})",
        R"({"time":"hunter2"})", R"({"textMap":{"hunter2":1}})", R"({"mask":"hunter2_"})",
        R"({"any":{"@type":"hunter2"}})", R"({"numberMap":{"hunter2":""}})",
        R"({"string":"hunter2)"}) {
    const Status parsed = ParseJson(text, kinds);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().ToString().find("hunter2"), std::string::npos)
        << parsed.error().ToString();
    for (const auto& field : parsed.error().fields()) {
      EXPECT_EQ(field.field.find("hunter2"), std::string::npos);
      EXPECT_EQ(field.description.find("hunter2"), std::string::npos);
    }
  }
}

TEST(JsonCodec, LongUnknownNamesAreCut) {
  Kinds kinds;
  const Status parsed = ParseJson("{\"" + std::string(100'000, 'x') + "\":1}", kinds);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_LT(parsed.error().message().size(), 300u);
}

// `levels` objects inside one another.
std::string Nest(int levels) {
  std::string text = "{}";
  for (int i = 1; i < levels; ++i) {
    text = (i % 2 != 0 ? R"({"nested":)" : R"({"kinds":)") + text + "}";
  }
  return text;
}

TEST(JsonCodec, DepthIsBoundedBothWays) {
  Kinds kinds;
  ASSERT_TRUE(ParseJson(Nest(100), kinds).has_value());
  std::string out;
  EXPECT_TRUE(WriteJson(kinds, out).has_value());
  EXPECT_EQ(out, Nest(100));
  const Status written = WriteJson(kinds, out, {.max_depth = 99});
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().reason(), "JSON_TOO_DEEP");
  const Status parsed = ParseJson(Nest(101), kinds);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().reason(), "JSON_TOO_DEEP");
}

TEST(JsonCodec, DeepStructuresInsideAnAnyComeBack) {
  google::protobuf::Any any;
  const std::string text = R"({"@type":"type.googleapis.com/google.protobuf.Value","value":)" +
                           std::string(49, '[') +
                           [] {
                             std::string objects;
                             for (int i = 0; i < 50; ++i) objects += R"({"a":)";
                             return objects + "1" + std::string(50, '}');
                           }() +
                           std::string(49, ']') + "}";
  ASSERT_TRUE(ParseJson(text, any).has_value());
  std::string out;
  const Status written = WriteJson(any, out);
  ASSERT_TRUE(written.has_value()) << written.error().ToString();
  EXPECT_EQ(out, text);
}

// An Any inside an Any costs few bytes a level: without a bound the stack would end first.
TEST(JsonCodec, AnysInsideOneAnotherAreBounded) {
  google::protobuf::Any any;
  for (int i = 0; i < 2000; ++i) {
    google::protobuf::Any outer;
    outer.PackFrom(any);
    any.Swap(&outer);
  }
  std::string out;
  const Status written = WriteJson(any, out);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().reason(), "JSON_TOO_DEEP");
}

TEST(JsonCodec, StringsThatAreNotUtf8AreNotWritten) {
  Kinds kinds;
  kinds.add_texts("fine");
  kinds.add_texts("\xC0\x80");
  std::string out;
  const Status written = WriteJson(kinds, out);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().reason(), "JSON_INVALID_VALUE");
  EXPECT_EQ(Metadata(written.error(), "path"), "texts[1]");
}

TEST(JsonCodec, OfEntriesWithOneKeyTheLastIsWritten) {
  Kinds kinds;
  const auto& access = *kinds.GetReflection();
  const auto& field = *Kinds::descriptor()->FindFieldByName("text_map");
  for (const char* value : {"first", "last"}) {
    Message& entry = *access.AddMessage(&kinds, &field);
    entry.GetReflection()->SetString(&entry, field.message_type()->map_value(), value);
  }
  std::string out;
  ASSERT_TRUE(WriteJson(kinds, out).has_value());
  EXPECT_EQ(out, R"({"textMap":{"":"last"}})");
}

TEST(JsonCodec, ManyEntriesAndElements) {
  std::string text = R"({"numbers":[0)";
  for (int i = 1; i < 10'000; ++i) text += "," + std::to_string(i);
  text += R"(],"numberMap":{"0":"x")";
  for (int i = 1; i < 10'000; ++i) text += ",\"" + std::to_string(i) + R"(":"x")";
  text += "}}";
  Kinds kinds;
  ASSERT_TRUE(ParseJson(text, kinds).has_value());
  EXPECT_EQ(kinds.numbers_size(), 10'000);
  EXPECT_EQ(kinds.number_map_size(), 10'000u);
  std::string out;
  ASSERT_TRUE(WriteJson(kinds, out).has_value());
  EXPECT_EQ(out, text);
}

}  // namespace
}  // namespace prism::rpc
