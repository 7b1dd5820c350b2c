// Random messages against the JSON of the protobuf library: both write the same values, and each
// reads what the other wrote.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "rpc/json/json_codec.h"
#include "rpc/json/testing/kinds.pb.h"

namespace prism::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::MessageDifferencer;
using json::testing::Kinds;

// Fills messages with values that the mapping has forms for.
class RandomMessages {
 public:
  explicit RandomMessages(std::uint64_t seed) : random_(seed) {}

  void FillWhole(Message& message, int depth) {
    Fill(message, depth);
    // Entries of maps that were added with the same key become one.
    const std::string bytes = message.SerializeAsString();
    ASSERT_TRUE(message.ParseFromString(bytes));
  }

 private:
  void Fill(Message& message, int depth) {
    const Descriptor& type = *message.GetDescriptor();
    const Reflection& access = *message.GetReflection();
    switch (type.well_known_type()) {
      case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
        return SetTime(message, Between(-62'135'596'800, 253'402'300'799), 1);
      case Descriptor::WELLKNOWNTYPE_DURATION:
        return SetTime(message, Between(0, 315'576'000'000), One(2) ? 1 : -1);
      case Descriptor::WELLKNOWNTYPE_FIELDMASK:
        for (int i = Size(); i > 0; --i) {
          access.AddString(&message, type.FindFieldByNumber(1), One(2) ? "a.b_c" : "photo1");
        }
        return;
      case Descriptor::WELLKNOWNTYPE_ANY:
        return FillAny(static_cast<google::protobuf::Any&>(message), depth);
      case Descriptor::WELLKNOWNTYPE_VALUE:
        // Structures only while there is depth left.
        return FillField(message, *type.field(Upto(depth > 0 ? type.field_count() : 4)), depth);
      default:
        for (int i = 0; i < type.field_count(); ++i) {
          if (One(type.field_count() > 10 ? 5 : 2)) FillField(message, *type.field(i), depth);
        }
    }
  }

  // [0, n)
  int Upto(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool One(int in) { return Upto(in) == 0; }
  int Size() { return 1 + Upto(3); }
  std::int64_t Between(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution(low, high)(random_);
  }

  void SetTime(Message& message, std::int64_t seconds, int sign) {
    const Descriptor& type = *message.GetDescriptor();
    const std::array<std::int32_t, 5> nanos = {0, 1, 120'000'000, 1'000, 999'999'999};
    message.GetReflection()->SetInt64(&message, type.FindFieldByNumber(1), seconds * sign);
    message.GetReflection()->SetInt32(&message, type.FindFieldByNumber(2),
                                      nanos[static_cast<std::size_t>(Upto(5))] * sign);
  }

  void FillAny(google::protobuf::Any& any, int depth) {
    if (depth <= 0) return;
    if (One(2)) {
      google::protobuf::Value value;
      Fill(value, depth - 1);
      any.PackFrom(value);
    } else {
      Kinds kinds;
      Fill(kinds, depth - 1);
      any.PackFrom(kinds);
    }
  }

  void FillField(Message& message, const FieldDescriptor& field, int depth) {
    const bool plain = field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field.is_map();
    if (!plain && depth <= 0) return;
    if (!field.is_repeated()) return Set(message, field, depth);
    for (int i = Size(); i > 0; --i) {
      if (!field.is_map()) {
        Set(message, field, depth);
        continue;
      }
      Message& entry = *message.GetReflection()->AddMessage(&message, &field);
      Set(entry, *field.message_type()->map_key(), depth);
      Set(entry, *field.message_type()->map_value(), depth);
    }
  }

  std::string Text() {
    static constexpr std::array<std::string_view, 10> kPieces = {
        "", "a", "Z", "\"\\", "\n\t\x01", "<>&", "é", "\xF0\x9F\x98\x80", "\xE2\x80\xA8", " "};
    std::string text;
    for (int i = Upto(4); i > 0; --i) text += kPieces[static_cast<std::size_t>(Upto(10))];
    return text;
  }

  // Finite; the library prints floats with too few digits unless they are short.
  double Real() {
    const double real = std::bit_cast<double>(random_());
    return std::isfinite(real) ? real : 0.5;
  }
  float ShortReal() { return static_cast<float>(Between(-1000, 1000)) / 8; }

  void Set(Message& message, const FieldDescriptor& field, int depth) {
    const Reflection& access = *message.GetReflection();
    // Sets the field, or adds an element.
    const auto put = [&](auto set, auto add, auto value) {
      field.is_repeated() ? (access.*add)(&message, &field, value)
                          : (access.*set)(&message, &field, value);
    };
    const std::uint64_t bits = random_() >> Upto(64);
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return put(&Reflection::SetInt32, &Reflection::AddInt32, static_cast<std::int32_t>(bits));
      case FieldDescriptor::CPPTYPE_INT64:
        return put(&Reflection::SetInt64, &Reflection::AddInt64, static_cast<std::int64_t>(bits));
      case FieldDescriptor::CPPTYPE_UINT32:
        return put(&Reflection::SetUInt32, &Reflection::AddUInt32,
                   static_cast<std::uint32_t>(bits));
      case FieldDescriptor::CPPTYPE_UINT64:
        return put(&Reflection::SetUInt64, &Reflection::AddUInt64, bits);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return put(&Reflection::SetDouble, &Reflection::AddDouble, Real());
      case FieldDescriptor::CPPTYPE_FLOAT:
        return put(&Reflection::SetFloat, &Reflection::AddFloat, ShortReal());
      case FieldDescriptor::CPPTYPE_BOOL:
        return put(&Reflection::SetBool, &Reflection::AddBool, One(2));
      case FieldDescriptor::CPPTYPE_ENUM:
        return put(&Reflection::SetEnumValue, &Reflection::AddEnumValue,
                   field.enum_type()->value(Upto(field.enum_type()->value_count()))->number());
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string text = Text();
        if (field.type() == FieldDescriptor::TYPE_BYTES) text += "\xFF\xFE";
        return put(&Reflection::SetString, &Reflection::AddString, text);
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Fill(field.is_repeated() ? *access.AddMessage(&message, &field)
                                        : *access.MutableMessage(&message, &field),
                    depth - 1);
    }
  }

  std::mt19937_64 random_;
};

::testing::AssertionResult SameMessage(const Message& expected, const Message& actual) {
  std::string difference;
  MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  if (differencer.Compare(expected, actual)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << difference;
}

void CheckAgainstLibrary(const Message& message) {
  std::string ours;
  const Status written = WriteJson(message, ours);
  ASSERT_TRUE(written.has_value()) << written.error().ToString();
  std::string theirs;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(message, &theirs).ok());
  // As values: the order of keys, escapes that nothing demands and digits of numbers may differ.
  EXPECT_EQ(nlohmann::json::parse(ours), nlohmann::json::parse(theirs));

  const std::unique_ptr<Message> read(message.New());
  for (const std::string& text : {ours, theirs}) {
    const Status parsed = ParseJson(text, *read);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().ToString() << " in " << text;
    EXPECT_TRUE(SameMessage(message, *read)) << text;
  }
  read->Clear();
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(ours, read.get()).ok()) << ours;
  EXPECT_TRUE(SameMessage(message, *read)) << ours;
}

TEST(JsonOracle, RandomMessagesOfEveryKindOfField) {
  RandomMessages random(20'261'121);
  for (int i = 0; i < 2'000 && !::testing::Test::HasFailure(); ++i) {
    Kinds kinds;
    random.FillWhole(kinds, 3);
    CheckAgainstLibrary(kinds);
  }
}

TEST(JsonOracle, RandomMessagesOfTheInterface) {
  RandomMessages random(7);
  const auto& file = *keyvalue::v1::SetRequest::descriptor()->file();
  for (int i = 0; i < file.message_type_count(); ++i) {
    const Message& prototype =
        *google::protobuf::MessageFactory::generated_factory()->GetPrototype(file.message_type(i));
    for (int k = 0; k < 20 && !::testing::Test::HasFailure(); ++k) {
      const std::unique_ptr<Message> message(prototype.New());
      random.FillWhole(*message, 3);
      CheckAgainstLibrary(*message);
    }
  }
}

// Messages without generated code take the same path.
TEST(JsonOracle, DynamicMessages) {
  RandomMessages random(11);
  google::protobuf::DynamicMessageFactory factory;
  for (int i = 0; i < 200 && !::testing::Test::HasFailure(); ++i) {
    Kinds kinds;
    random.FillWhole(kinds, 2);
    std::string text;
    ASSERT_TRUE(WriteJson(kinds, text).has_value());
    const std::unique_ptr<Message> dynamic(factory.GetPrototype(Kinds::descriptor())->New());
    ASSERT_TRUE(ParseJson(text, *dynamic).has_value());
    std::string again;
    ASSERT_TRUE(WriteJson(*dynamic, again).has_value());
    EXPECT_EQ(again, text);
  }
}

}  // namespace
}  // namespace prism::rpc
