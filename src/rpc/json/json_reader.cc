#include "rpc/json/json_reader.h"

#include <fmt/format.h>

#include <concepts>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/strings.h"
#include "rpc/json/field_text.h"

namespace prism::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

bool IsNullValue(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM &&
         field.enum_type()->full_name() == "google.protobuf.NullValue";
}

// For all others null means that the field is absent.
bool TakesNull(const FieldDescriptor& field) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return field.message_type()->well_known_type() == Descriptor::WELLKNOWNTYPE_VALUE;
  }
  return IsNullValue(field);
}

// ", did you mean ...?" or nothing.
std::string Suggestion(std::string_view name, const Descriptor& type) {
  constexpr std::size_t kLongest = 64;  // edit distances of longer names cost too much
  if (name.size() > kLongest) return {};
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->json_name());
  const std::optional<std::string> nearest = base::NearestMatch(name, names);
  return nearest ? fmt::format(", did you mean \"{}\"?", *nearest) : std::string();
}

}  // namespace

class JsonReader::SeenFields {
 public:
  // False the second time.
  bool Add(const FieldDescriptor& field) {
    const auto index = static_cast<std::size_t>(field.index());
    if (index < kFew) {
      const std::uint64_t bit = std::uint64_t{1} << index;
      const bool added = (few_ & bit) == 0;
      few_ |= bit;
      return added;
    }
    if (more_.size() <= index) more_.resize(index + 1);
    const bool added = !more_[index];
    more_[index] = true;
    return added;
  }

 private:
  static constexpr std::size_t kFew = 64;
  std::uint64_t few_ = 0;
  std::vector<bool> more_;
};

Status JsonReader::ReadMessage(Index i, Message& into) {
  const Descriptor& type = *into.GetDescriptor();
  switch (type.well_known_type()) {
    case Descriptor::WELLKNOWNTYPE_UNSPECIFIED:
      return ReadFields(i, into, /*in_any=*/false);
    case Descriptor::WELLKNOWNTYPE_ANY:
      return ReadAny(i, into);
    case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      return ReadTimestamp(i, into);
    case Descriptor::WELLKNOWNTYPE_DURATION:
      return ReadDuration(i, into);
    case Descriptor::WELLKNOWNTYPE_FIELDMASK:
      return ReadFieldMask(i, into);
    case Descriptor::WELLKNOWNTYPE_VALUE:
      return ReadValue(i, into);
    case Descriptor::WELLKNOWNTYPE_LISTVALUE:
      return ReadRepeated(i, into, *type.FindFieldByNumber(1));
    case Descriptor::WELLKNOWNTYPE_STRUCT:
      return ReadMap(i, into, *type.FindFieldByNumber(1));
    default:  // the wrappers: one field
      return ReadSingle(i, {.message = into, .field = *type.FindFieldByNumber(1)});
  }
}

Status JsonReader::ReadFields(Index object, Message& into, bool in_any) {
  TRY(CheckObject(object));
  const Descriptor& type = *into.GetDescriptor();
  SeenFields seen;
  int expected = 0;
  for (Index key = JsonTape::First(object); key < tape_.After(object); key = tape_.After(key + 1)) {
    const std::string_view name = tape_.Text(key);
    if (in_any && name == "@type") continue;
    path_.EnterField(name);
    TRY_ASSIGN(const FieldDescriptor* const field, FindField(key, type, expected));
    if (field == nullptr) {
      TRY(CheckSkipped(key + 1));
    } else {
      if (!seen.Add(*field)) {
        return std::unexpected(Refused("JSON_DUPLICATE_FIELD", key,
                                       "this field is here by its other name too; send it once"));
      }
      TRY(ReadField(key + 1, into, *field));
      expected = field->index() + 1;
    }
    path_.Leave();
  }
  return {};
}

// Members mostly come in the order of declaration: `expected` is tried first.
Result<const FieldDescriptor*> JsonReader::FindField(Index key, const Descriptor& type,
                                                     int expected) {
  const std::string_view name = tape_.Text(key);
  const int count = type.field_count();
  for (int k = 0; k < count; ++k) {
    const FieldDescriptor* const field = type.field((expected + k) % count);
    if (field->json_name() == name) return field;
  }
  for (int k = 0; k < count; ++k) {
    if (type.field(k)->name() == name) return type.field(k);
  }
  if (options_.ignore_unknown) return nullptr;
  return std::unexpected(
      Refused("JSON_UNKNOWN_FIELD", key,
              fmt::format("{} has no such field{}", type.full_name(), Suggestion(name, type))));
}

Status JsonReader::ReadField(Index i, Message& into, const FieldDescriptor& field) {
  const bool null = tape_.kind(i) == JsonKind::kNull;
  if (null && (field.is_repeated() || !TakesNull(field))) return {};
  if (field.is_map()) return ReadMap(i, into, field);
  if (field.is_repeated()) return ReadRepeated(i, into, field);
  if (IsSkippedEnum(i, field)) return {};
  const OneofDescriptor* const oneof = field.real_containing_oneof();
  if (oneof != nullptr && into.GetReflection()->HasOneof(into, oneof)) {
    return std::unexpected(
        Refused("JSON_DUPLICATE_ONEOF", i,
                fmt::format("of \"{}\" only one member can be set; send one", oneof->name())));
  }
  return ReadSingle(i, {.message = into, .field = field});
}

Status JsonReader::ReadRepeated(Index array, Message& into, const FieldDescriptor& field) {
  if (tape_.kind(array) != JsonKind::kArray) return std::unexpected(WrongType(array, "a list"));
  const Slot slot{.message = into, .field = field, .append = true};
  std::size_t index = 0;
  for (Index i = JsonTape::First(array); i < tape_.After(array); i = tape_.After(i)) {
    path_.EnterElement(index++);
    if (!IsSkippedEnum(i, field)) TRY(ReadSingle(i, slot));
    path_.Leave();
  }
  return {};
}

Status JsonReader::ReadMap(Index object, Message& into, const FieldDescriptor& field) {
  const FieldDescriptor& key_field = *field.message_type()->map_key();
  const FieldDescriptor& value_field = *field.message_type()->map_value();
  if (tape_.kind(object) != JsonKind::kObject)
    return std::unexpected(WrongType(object, "an object"));
  if (const std::optional<Index> twice = tape_.FindDuplicate(object)) {
    return std::unexpected(
        Refused("JSON_DUPLICATE_FIELD", *twice, "this key is here before; send it once"));
  }
  std::size_t index = 0;
  for (Index key = JsonTape::First(object); key < tape_.After(object); key = tape_.After(key + 1)) {
    path_.EnterElement(index++);
    if (!IsSkippedEnum(key + 1, value_field)) {
      Message& entry = *into.GetReflection()->AddMessage(&into, &field);
      TRY(ReadMapKey(key, entry, key_field));
      TRY(ReadSingle(key + 1, {.message = entry, .field = value_field}));
    }
    path_.Leave();
  }
  return {};
}

// Each key has one spelling, so keys that differ as texts differ as values.
Status JsonReader::ReadMapKey(Index key, Message& entry, const FieldDescriptor& field) {
  const Slot slot{.message = entry, .field = field};
  const std::string_view text = tape_.Text(key);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      slot.Put(std::string(text));
      return {};
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false") {
        return std::unexpected(
            BadText(base::TextFault::kSyntax, key, "\"true\" or \"false\" as key"));
      }
      slot.Put(text == "true");
      return {};
    default:
      if (!base::IsCanonicalInteger(text)) {
        return std::unexpected(BadText(base::TextFault::kSyntax, key, "a plain integer as key"));
      }
      return ReadSingle(key, slot);
  }
}

Status JsonReader::ReadSingle(Index i, const Slot& slot) {
  switch (slot.field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return ReadWhole<std::int32_t>(i, slot);
    case FieldDescriptor::CPPTYPE_INT64:
      return ReadWhole<std::int64_t>(i, slot);
    case FieldDescriptor::CPPTYPE_UINT32:
      return ReadWhole<std::uint32_t>(i, slot);
    case FieldDescriptor::CPPTYPE_UINT64:
      return ReadWhole<std::uint64_t>(i, slot);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return ReadReal<double>(i, slot);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return ReadReal<float>(i, slot);
    case FieldDescriptor::CPPTYPE_BOOL:
      return ReadBool(i, slot);
    case FieldDescriptor::CPPTYPE_ENUM:
      return ReadEnum(i, slot);
    case FieldDescriptor::CPPTYPE_STRING:
      return ReadText(i, slot);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ReadMessage(i, slot.Submessage());
  }
  return {};
}

template <class T>
Status JsonReader::ReadWhole(Index i, const Slot& slot) {
  constexpr std::string_view kExpected = "a whole number, or one in a string";
  if (tape_.kind(i) != JsonKind::kNumber && !tape_.is_string(i)) {
    return std::unexpected(WrongType(i, kExpected));
  }
  const auto value = [&] {
    if constexpr (std::is_signed_v<T>) {
      return base::ParseSigned(tape_.Text(i));
    } else {
      return base::ParseUnsigned(tape_.Text(i));
    }
  }();
  if (!value) return std::unexpected(BadText(value.error(), i, kExpected));
  if (!std::in_range<T>(*value))
    return std::unexpected(BadText(base::TextFault::kRange, i, kExpected));
  slot.Put(static_cast<T>(*value));
  return {};
}

template <class T>
Status JsonReader::ReadReal(Index i, const Slot& slot) {
  constexpr std::string_view kExpected =
      R"(a number, or one in a string, "NaN", "Infinity" or "-Infinity")";
  if (tape_.kind(i) != JsonKind::kNumber && !tape_.is_string(i)) {
    return std::unexpected(WrongType(i, kExpected));
  }
  const std::string_view text = tape_.Text(i);
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  const auto value = [&]() -> std::expected<T, base::TextFault> {
    if (text == "NaN") return std::numeric_limits<T>::quiet_NaN();
    if (text == "Infinity") return kInfinity;
    if (text == "-Infinity") return -kInfinity;
    if constexpr (std::same_as<T, float>) {
      return base::ParseFloat(text);
    } else {
      return base::ParseDouble(text);
    }
  }();
  if (!value) return std::unexpected(BadText(value.error(), i, kExpected));
  slot.Put(*value);
  return {};
}

Status JsonReader::ReadBool(Index i, const Slot& slot) {
  const JsonKind kind = tape_.kind(i);
  if (kind != JsonKind::kTrue && kind != JsonKind::kFalse) {
    return std::unexpected(WrongType(i, "true or false"));
  }
  slot.Put(kind == JsonKind::kTrue);
  return {};
}

Status JsonReader::ReadEnum(Index i, const Slot& slot) {
  constexpr std::string_view kExpected = "the name of an enum value, or its number";
  const auto& type = *slot.field.enum_type();
  if (tape_.kind(i) == JsonKind::kNull && IsNullValue(slot.field)) {
    slot.PutEnum(0);
    return {};
  }
  if (tape_.is_string(i)) {
    const EnumValueDescriptor* const value = type.FindValueByName(std::string(tape_.Text(i)));
    if (value == nullptr) {
      return std::unexpected(
          Refused("JSON_UNKNOWN_ENUM", i, fmt::format("{} has no such value", type.full_name())));
    }
    slot.PutEnum(value->number());
    return {};
  }
  if (tape_.kind(i) != JsonKind::kNumber) return std::unexpected(WrongType(i, kExpected));
  const auto number = base::ParseSigned(tape_.Text(i));
  if (!number) return std::unexpected(BadText(number.error(), i, kExpected));
  if (!std::in_range<std::int32_t>(*number)) {
    return std::unexpected(BadText(base::TextFault::kRange, i, kExpected));
  }
  slot.PutEnum(static_cast<int>(*number));
  return {};
}

Status JsonReader::ReadText(Index i, const Slot& slot) {
  if (slot.field.type() == FieldDescriptor::TYPE_BYTES) {
    TRY_ASSIGN(const std::string_view text, StringAt(i, "bytes as base64 in a string"));
    std::optional<std::string> bytes = base::Base64DecodeEither(text);
    if (!bytes) return std::unexpected(BadText(base::TextFault::kSyntax, i, "bytes as base64"));
    slot.Put(*std::move(bytes));
  } else {
    TRY_ASSIGN(const std::string_view text, StringAt(i, "a string"));
    slot.Put(std::string(text));
  }
  return {};
}

Result<std::string_view> JsonReader::StringAt(Index i, std::string_view expected) {
  if (!tape_.is_string(i)) return std::unexpected(WrongType(i, expected));
  return tape_.Text(i);
}

Status JsonReader::CheckObject(Index i) {
  if (tape_.kind(i) != JsonKind::kObject) return std::unexpected(WrongType(i, "an object"));
  const std::optional<Index> twice = tape_.FindDuplicate(i);
  if (!twice) return {};
  path_.EnterField(tape_.Text(*twice));
  return std::unexpected(
      Refused("JSON_DUPLICATE_FIELD", *twice, "this field is here before; send it once"));
}

Status JsonReader::CheckSkipped(Index i) {
  for (const Index end = tape_.After(i); i < end; ++i) {
    if (tape_.kind(i) == JsonKind::kObject) TRY(CheckObject(i));
  }
  return {};
}

bool JsonReader::IsSkippedEnum(Index i, const FieldDescriptor& field) const {
  return options_.ignore_unknown && field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM &&
         tape_.is_string(i) &&
         field.enum_type()->FindValueByName(std::string(tape_.Text(i))) == nullptr;
}

Error JsonReader::Refused(std::string_view reason, Index i, std::string_view description) const {
  return JsonRefused(reason, path_.ToString(), tape_.position(i), description);
}

Error JsonReader::WrongType(Index i, std::string_view expected) const {
  return Refused("JSON_WRONG_TYPE", i, fmt::format("must be {}", expected));
}

Error JsonReader::BadText(base::TextFault fault, Index i, std::string_view expected) const {
  if (fault == base::TextFault::kRange) {
    return Refused("JSON_OUT_OF_RANGE", i, "is beyond what the field can hold");
  }
  return Refused("JSON_INVALID_VALUE", i, fmt::format("must be {}", expected));
}

void JsonReader::Slot::Put(std::int32_t value) const {
  const auto& access = *message.GetReflection();
  append ? access.AddInt32(&message, &field, value) : access.SetInt32(&message, &field, value);
}

void JsonReader::Slot::Put(std::int64_t value) const {
  const auto& access = *message.GetReflection();
  append ? access.AddInt64(&message, &field, value) : access.SetInt64(&message, &field, value);
}

void JsonReader::Slot::Put(std::uint32_t value) const {
  const auto& access = *message.GetReflection();
  append ? access.AddUInt32(&message, &field, value) : access.SetUInt32(&message, &field, value);
}

void JsonReader::Slot::Put(std::uint64_t value) const {
  const auto& access = *message.GetReflection();
  append ? access.AddUInt64(&message, &field, value) : access.SetUInt64(&message, &field, value);
}

void JsonReader::Slot::Put(double value) const {
  const auto& access = *message.GetReflection();
  append ? access.AddDouble(&message, &field, value) : access.SetDouble(&message, &field, value);
}

void JsonReader::Slot::Put(float value) const {
  const auto& access = *message.GetReflection();
  append ? access.AddFloat(&message, &field, value) : access.SetFloat(&message, &field, value);
}

void JsonReader::Slot::Put(bool value) const {
  const auto& access = *message.GetReflection();
  append ? access.AddBool(&message, &field, value) : access.SetBool(&message, &field, value);
}

void JsonReader::Slot::Put(std::string value) const {
  const auto& access = *message.GetReflection();
  append ? access.AddString(&message, &field, std::move(value))
         : access.SetString(&message, &field, std::move(value));
}

void JsonReader::Slot::PutEnum(int number) const {
  const auto& access = *message.GetReflection();
  append ? access.AddEnumValue(&message, &field, number)
         : access.SetEnumValue(&message, &field, number);
}

JsonReader::Message& JsonReader::Slot::Submessage() const {
  const auto& access = *message.GetReflection();
  return append ? *access.AddMessage(&message, &field) : *access.MutableMessage(&message, &field);
}

}  // namespace prism::rpc
