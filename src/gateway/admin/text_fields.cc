#include "gateway/admin/text_fields.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "base/units.h"
#include "rpc/json/json_codec.h"

namespace prism::gateway {

namespace {

namespace pb = google::protobuf;

Error Invalid(const std::string& name, std::string_view advice) {
  return InvalidField("PARAMETER_INVALID", name, std::string(advice));
}

// The whole text, and nothing else.
template <class Number>
std::optional<Number> ToNumber(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return number;
}

bool IsOneOf(const pb::Descriptor& type, std::initializer_list<const pb::Descriptor*> types) {
  for (const pb::Descriptor* known : types) {
    if (&type == known) return true;
  }
  return false;
}

bool IsWrapper(const pb::Descriptor& type) {
  return IsOneOf(
      type,
      {pb::BoolValue::descriptor(), pb::Int32Value::descriptor(), pb::Int64Value::descriptor(),
       pb::UInt32Value::descriptor(), pb::UInt64Value::descriptor(), pb::FloatValue::descriptor(),
       pb::DoubleValue::descriptor(), pb::StringValue::descriptor(), pb::BytesValue::descriptor()});
}

bool HasTextForm(const pb::Descriptor& type) {
  return IsOneOf(
      type, {pb::Timestamp::descriptor(), pb::Duration::descriptor(), pb::FieldMask::descriptor()});
}

std::string_view AdviceFor(const pb::Descriptor& type) {
  if (&type == pb::Timestamp::descriptor()) {
    return "must be a time of RFC 3339, such as 2026-11-21T08:00:00Z";
  }
  if (&type == pb::Duration::descriptor()) {
    return "must be a duration, such as 10s, 1.5s or 1m30s";
  }
  return "must be a list of fields, such as displayName,tags";
}

std::string_view AdviceFor(pb::FieldDescriptor::CppType type) {
  switch (type) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return "must be a decimal number that fits into 32 bits";
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return "must be a decimal number that fits into 64 bits";
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return "must be a decimal number without a sign that fits into 32 bits";
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return "must be a decimal number without a sign that fits into 64 bits";
    default:
      return "must be a finite number, such as 1.5 or 2e-3";
  }
}

// Times, durations and masks: what the JSON codec makes of the text in quotes.
Status ParseKnown(const std::string& text, const std::string& name, pb::Message& into) {
  const pb::Descriptor& type = *into.GetDescriptor();
  if (&type == pb::Duration::descriptor()) {
    if (const auto units = base::ParseDuration(text)) {
      auto& duration = static_cast<pb::Duration&>(into);
      duration.set_seconds(units->count() / 1000);
      duration.set_nanos(static_cast<std::int32_t>(units->count() % 1000 * 1'000'000));
      return {};
    }
  }
  // Nothing of these kinds has an escape in it.
  const bool plain = text.find_first_of("\"\\") == std::string::npos;
  if (plain && rpc::ParseJson('"' + text + '"', into)) return {};
  return std::unexpected(Invalid(name, AdviceFor(type)));
}

// One value of one field; reflection has two functions for each type.
class Setter {
 public:
  Setter(const pb::FieldDescriptor& field, const std::string& name, pb::Message& message)
      : field_(field), name_(name), message_(message), reflection_(*message.GetReflection()) {}

  Status Set(const std::string& text);

 private:
  template <class Number, class SetFn, class AddFn>
  Status SetNumber(const std::string& text, SetFn set, AddFn add);
  Status SetString(const std::string& text);
  Status SetBool(const std::string& text);
  Status SetEnum(const std::string& text);
  Status SetMessage(const std::string& text);

  const pb::FieldDescriptor& field_;
  const std::string& name_;
  pb::Message& message_;
  const pb::Reflection& reflection_;
};

template <class Number, class SetFn, class AddFn>
Status Setter::SetNumber(const std::string& text, SetFn set, AddFn add) {
  const auto number = ToNumber<Number>(text);
  bool fits = number.has_value();
  if constexpr (std::is_floating_point_v<Number>) fits = fits && std::isfinite(*number);
  if (!fits) return std::unexpected(Invalid(name_, AdviceFor(field_.cpp_type())));
  (reflection_.*(field_.is_repeated() ? add : set))(&message_, &field_, *number);
  return {};
}

Status Setter::SetString(const std::string& text) {
  std::string value = text;
  if (field_.type() == pb::FieldDescriptor::TYPE_BYTES) {
    auto bytes = base::Base64DecodeEither(text);
    if (!bytes) return std::unexpected(Invalid(name_, "must be base64, with or without padding"));
    value = *std::move(bytes);
  }
  if (field_.is_repeated()) {
    reflection_.AddString(&message_, &field_, std::move(value));
  } else {
    reflection_.SetString(&message_, &field_, std::move(value));
  }
  return {};
}

Status Setter::SetBool(const std::string& text) {
  if (text != "true" && text != "false") {
    return std::unexpected(Invalid(name_, "must be true or false"));
  }
  const auto set = field_.is_repeated() ? &pb::Reflection::AddBool : &pb::Reflection::SetBool;
  (reflection_.*set)(&message_, &field_, text == "true");
  return {};
}

Status Setter::SetEnum(const std::string& text) {
  const pb::EnumValueDescriptor* value = field_.enum_type()->FindValueByName(text);
  if (value == nullptr) {
    std::string names;
    for (int i = 0; i < field_.enum_type()->value_count(); ++i) {
      if (!names.empty()) names += ", ";
      names += field_.enum_type()->value(i)->name();
    }
    return std::unexpected(Invalid(name_, "must be one of " + names));
  }
  const auto set = field_.is_repeated() ? &pb::Reflection::AddEnum : &pb::Reflection::SetEnum;
  (reflection_.*set)(&message_, &field_, value);
  return {};
}

Status Setter::SetMessage(const std::string& text) {
  pb::Message& value = field_.is_repeated() ? *reflection_.AddMessage(&message_, &field_)
                                            : *reflection_.MutableMessage(&message_, &field_);
  if (HasTextForm(*value.GetDescriptor())) return ParseKnown(text, name_, value);
  return SetFromText(*value.GetDescriptor()->field(0), text, name_, value);
}

Status Setter::Set(const std::string& text) {
  using R = pb::Reflection;
  switch (field_.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return SetNumber<std::int32_t>(text, &R::SetInt32, &R::AddInt32);
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return SetNumber<std::int64_t>(text, &R::SetInt64, &R::AddInt64);
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return SetNumber<std::uint32_t>(text, &R::SetUInt32, &R::AddUInt32);
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return SetNumber<std::uint64_t>(text, &R::SetUInt64, &R::AddUInt64);
    case pb::FieldDescriptor::CPPTYPE_DOUBLE:
      return SetNumber<double>(text, &R::SetDouble, &R::AddDouble);
    case pb::FieldDescriptor::CPPTYPE_FLOAT:
      return SetNumber<float>(text, &R::SetFloat, &R::AddFloat);
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return SetBool(text);
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(text);
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return SetString(text);
    case pb::FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return SetMessage(text);
}

}  // namespace

bool IsTextField(const pb::FieldDescriptor& field) {
  if (field.cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) return true;
  return HasTextForm(*field.message_type()) || IsWrapper(*field.message_type());
}

Status SetFromText(const pb::FieldDescriptor& field, const std::string& text,
                   const std::string& name, pb::Message& message) {
  return Setter(field, name, message).Set(text);
}

}  // namespace prism::gateway
