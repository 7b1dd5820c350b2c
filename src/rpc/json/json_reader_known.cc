// The well-known types whose JSON is not an object of their fields.
#include <fmt/format.h>
#include <google/protobuf/arena.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/time_text.h"
#include "rpc/json/any_type.h"
#include "rpc/json/field_text.h"
#include "rpc/json/json_reader.h"

namespace prism::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Both messages have the fields seconds = 1 and nanos = 2.
void SetTime(const base::SecondsAndNanos& time, Message& into) {
  const Descriptor& type = *into.GetDescriptor();
  const Reflection& access = *into.GetReflection();
  access.SetInt64(&into, type.FindFieldByNumber(1), time.seconds);
  access.SetInt32(&into, type.FindFieldByNumber(2), time.nanos);
}

}  // namespace

Status JsonReader::ReadTimestamp(Index i, Message& into) {
  constexpr std::string_view kExpected = "a time as in \"2026-11-21T08:00:00Z\"";
  TRY_ASSIGN(const std::string_view text, StringAt(i, kExpected));
  const auto time = base::ParseTimestamp(text);
  if (!time) return std::unexpected(BadText(time.error(), i, kExpected));
  SetTime(*time, into);
  return {};
}

Status JsonReader::ReadDuration(Index i, Message& into) {
  constexpr std::string_view kExpected = "a duration in seconds as in \"1.5s\"";
  TRY_ASSIGN(const std::string_view text, StringAt(i, kExpected));
  const auto duration = base::ParseSeconds(text);
  if (!duration) return std::unexpected(BadText(duration.error(), i, kExpected));
  SetTime(*duration, into);
  return {};
}

Status JsonReader::ReadFieldMask(Index i, Message& into) {
  constexpr std::string_view kExpected = "paths in lowerCamelCase as in \"user.displayName,photo\"";
  TRY_ASSIGN(const std::string_view text, StringAt(i, kExpected));
  std::optional<std::vector<std::string>> paths = ParseFieldMask(text);
  if (!paths) return std::unexpected(BadText(base::TextFault::kSyntax, i, kExpected));
  const Slot slot{
      .message = into, .field = *into.GetDescriptor()->FindFieldByNumber(1), .append = true};
  for (std::string& path : *paths) slot.Put(std::move(path));
  return {};
}

Status JsonReader::ReadValue(Index i, Message& into) {
  const Descriptor& type = *into.GetDescriptor();
  // The numbers of google.protobuf.Value's fields.
  const auto slot = [&](int number) {
    return Slot{.message = into, .field = *type.FindFieldByNumber(number)};
  };
  switch (tape_.kind(i)) {
    case JsonKind::kNull:
      slot(1).PutEnum(0);
      return {};
    case JsonKind::kNumber:
      return ReadReal<double>(i, slot(2));
    case JsonKind::kString:
    case JsonKind::kEscapedString:
      return ReadText(i, slot(3));
    case JsonKind::kTrue:
    case JsonKind::kFalse:
      return ReadBool(i, slot(4));
    case JsonKind::kObject:
      return ReadMessage(i, slot(5).Submessage());
    case JsonKind::kArray:
      return ReadMessage(i, slot(6).Submessage());
  }
  return {};
}

Status JsonReader::ReadAny(Index object, Message& into) {
  TRY(CheckObject(object));
  if (tape_.size(object) == 0) return {};
  const std::optional<Index> type = tape_.Find(object, "@type");
  if (!type) {
    return std::unexpected(Refused("JSON_UNKNOWN_TYPE", object, "an Any must have \"@type\""));
  }
  TRY_ASSIGN(const std::string_view url, StringAt(*type, "the URL of a type in a string"));
  const Message* const prototype = FindAnyType(url);
  if (prototype == nullptr) {
    path_.EnterField("@type");
    return std::unexpected(Refused("JSON_UNKNOWN_TYPE", *type,
                                   "must name a type of this server as in "
                                   "\"type.googleapis.com/google.protobuf.Duration\""));
  }
  const std::unique_ptr<Message> content(prototype->New());
  TRY(ReadAnyContent(object, *content));
  const Descriptor& any = *into.GetDescriptor();
  Slot{.message = into, .field = *any.FindFieldByNumber(1)}.Put(std::string(url));
  Slot{.message = into, .field = *any.FindFieldByNumber(2)}.Put(
      content->SerializePartialAsString());
  return {};
}

// What has a form of its own is the member "value"; all others are members beside "@type".
Status JsonReader::ReadAnyContent(Index object, Message& content) {
  const Descriptor& type = *content.GetDescriptor();
  const std::optional<Index> value = tape_.Find(object, "value");
  // Go writes Empty with "value": {}, C++ and Java without.
  const bool wrapped_empty = value && type.full_name() == "google.protobuf.Empty";
  if (!HasOwnForm(type) && !wrapped_empty) return ReadFields(object, content, /*in_any=*/true);
  if (!value) return std::unexpected(Refused("JSON_WRONG_TYPE", object, "must have \"value\""));
  for (Index key = JsonTape::First(object); key < tape_.After(object); key = tape_.After(key + 1)) {
    const std::string_view name = tape_.Text(key);
    if (name == "@type" || name == "value") continue;
    path_.EnterField(name);
    if (!options_.ignore_unknown) {
      return std::unexpected(Refused("JSON_UNKNOWN_FIELD", key,
                                     "a well-known type in an Any has \"@type\" and \"value\""));
    }
    TRY(CheckSkipped(key + 1));
    path_.Leave();
  }
  path_.EnterField("value");
  TRY(ReadMessage(*value, content));
  path_.Leave();
  return {};
}

}  // namespace prism::rpc
