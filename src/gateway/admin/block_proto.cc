#include "gateway/admin/block_proto.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/check.h"
#include "base/strings.h"
#include "base/units.h"

namespace prism::gateway {

namespace {

using google::protobuf::Duration;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using namespaces::Bounds;
using namespaces::YamlValue;

// Visits members: sets the fields of the same names.
class Writer {
 public:
  explicit Writer(Message& message) : message_(message), access_(*message.GetReflection()) {}

  template <class T>
  void operator()(std::string_view key, const T& value, Bounds /*bounds*/ = {}) {
    const auto* field = message_.GetDescriptor()->FindFieldByName(std::string(key));
    PRISM_CHECK(field != nullptr, "give the message a field for each member");
    Set(*field, value);
  }
  template <class T>
  void operator()(std::string_view key, const std::optional<T>& value, Bounds /*bounds*/ = {}) {
    if (value) (*this)(key, *value);
  }
  void Size(std::string_view key, const std::optional<std::uint64_t>& bytes, Bounds bounds) {
    (*this)(key, bytes, bounds);
  }

 private:
  void Set(const FieldDescriptor& field, std::uint64_t number) {
    access_.SetUInt64(&message_, &field, number);
  }
  void Set(const FieldDescriptor& field, bool on) { access_.SetBool(&message_, &field, on); }
  void Set(const FieldDescriptor& field, const std::string& text) {
    access_.SetString(&message_, &field, text);
  }
  void Set(const FieldDescriptor& field, std::chrono::milliseconds time) {
    Message* const span = access_.MutableMessage(&message_, &field);
    SetDuration(time, *google::protobuf::DynamicCastToGenerated<Duration>(span));
  }
  // The first value of a message's enum is that of what is not said.
  template <class T>
    requires std::is_enum_v<T>
  void Set(const FieldDescriptor& field, T value) {
    access_.SetEnumValue(&message_, &field, static_cast<int>(value) + 1);
  }

  Message& message_;
  const google::protobuf::Reflection& access_;
};

std::string NameOf(const Message& message, const FieldDescriptor& field) {
  const int number = message.GetReflection()->GetEnumValue(message, &field);
  const EnumValueDescriptor* value = field.enum_type()->FindValueByNumber(number);
  if (number == 0) return {};
  return value == nullptr ? std::to_string(number) : base::LowerCase(value->name());
}

// Empty for an enum that says nothing.
std::string TextOf(const Message& message, const FieldDescriptor& field) {
  const auto& access = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(access.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return access.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_STRING:
      return access.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return NameOf(message, field);
    default: {
      const auto* span =
          google::protobuf::DynamicCastToGenerated<Duration>(&access.GetMessage(message, &field));
      PRISM_CHECK(span != nullptr, "give blocks single values and durations");
      return DurationText(*span);
    }
  }
}

}  // namespace

std::string DurationText(const Duration& duration) {
  // Whoever sends it may write any number; what is refused for its length stays too long.
  constexpr std::int64_t kTooLong = 1'000'000'000'000;
  const std::int64_t seconds = std::clamp(duration.seconds(), -kTooLong, kTooLong);
  const std::int64_t nanos = duration.nanos();
  return base::FormatDuration(
      std::chrono::milliseconds(seconds * 1000 + (nanos + 999'999) / 1'000'000));
}

void SetDuration(std::chrono::milliseconds time, Duration& duration) {
  duration.set_seconds(time.count() / 1000);
  duration.set_nanos(static_cast<std::int32_t>(time.count() % 1000) * 1'000'000);
}

void ToProto(const namespaces::Needs& needs, admin::v1::Needs& message) {
  Writer writer(message);
  VisitNeeds(writer, needs);
}

void ToProto(const namespaces::ShadowConfig& shadow, admin::v1::Shadow& message) {
  Writer writer(message);
  VisitShadow(writer, shadow);
}

YamlValue BlockToYaml(const Message& message, const std::string& path, FieldPlaces& places) {
  YamlValue map = places.Map(path);
  std::vector<const FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  for (const FieldDescriptor* field : set) {
    const std::string text = TextOf(message, *field);
    if (text.empty()) continue;
    FieldPlaces::Put(map, field->name(), places.Text(path + "." + field->name(), text));
  }
  return map;
}

}  // namespace prism::gateway
