#include "cli/message_output.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <string_view>

#include "base/base64.h"
#include "base/strings.h"
#include "base/time_text.h"
#include "base/units.h"
#include "cli/output.h"

namespace prism::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using nlohmann::ordered_json;

std::string DurationText(const google::protobuf::Duration& span) {
  constexpr std::int32_t kNanosPerMilli = 1'000'000;
  // What base::ParseDuration reads: whole milliseconds within 100,000 days.
  constexpr std::int64_t kMaxSeconds = 100'000LL * 24 * 3600;
  if (span.nanos() % kNanosPerMilli == 0 && std::abs(span.seconds()) <= kMaxSeconds) {
    return base::FormatDuration(std::chrono::seconds(span.seconds()) +
                                std::chrono::milliseconds(span.nanos() / kNanosPerMilli));
  }
  std::string text;
  base::AppendSeconds({.seconds = span.seconds(), .nanos = span.nanos()}, text);
  return text;
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  std::string text;
  base::AppendTimestamp({.seconds = time.seconds(), .nanos = time.nanos()}, text);
  return text;
}

// Messages that are one value to people.
ordered_json SubmessageToJson(const Message& message, const MessageForm& form) {
  switch (message.GetDescriptor()->well_known_type()) {
    case Descriptor::WELLKNOWNTYPE_DURATION:
      return DurationText(static_cast<const google::protobuf::Duration&>(message));
    case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      return TimeText(static_cast<const google::protobuf::Timestamp&>(message));
    case Descriptor::WELLKNOWNTYPE_FIELDMASK: {
      ordered_json paths = ordered_json::array();
      for (const auto& path : static_cast<const google::protobuf::FieldMask&>(message).paths()) {
        paths.push_back(path);
      }
      return paths;
    }
    default:
      return MessageToJson(message, form);
  }
}

ordered_json Number(const FieldDescriptor& field, std::uint64_t value, const MessageForm& form) {
  if (form.sizes_as_text && IsSize(field)) return base::FormatSize(value);
  return value;
}

ordered_json Text(const FieldDescriptor& field, const std::string& value) {
  return field.type() == FieldDescriptor::TYPE_BYTES ? base::Base64Encode(value) : value;
}

// One value of a field: the field itself, or an element of it (`index` >= 0).
ordered_json Value(const Message& message, const FieldDescriptor& field, int index,
                   const MessageForm& form) {
  const Reflection& access = *message.GetReflection();
  const bool one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return one ? access.GetInt32(message, &field)
                 : access.GetRepeatedInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return one ? access.GetInt64(message, &field)
                 : access.GetRepeatedInt64(message, &field, index);
    case FieldDescriptor::CPPTYPE_UINT32:
      return Number(field,
                    one ? access.GetUInt32(message, &field)
                        : access.GetRepeatedUInt32(message, &field, index),
                    form);
    case FieldDescriptor::CPPTYPE_UINT64:
      return Number(field,
                    one ? access.GetUInt64(message, &field)
                        : access.GetRepeatedUInt64(message, &field, index),
                    form);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return one ? access.GetDouble(message, &field)
                 : access.GetRepeatedDouble(message, &field, index);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return one ? access.GetFloat(message, &field)
                 : access.GetRepeatedFloat(message, &field, index);
    case FieldDescriptor::CPPTYPE_BOOL:
      return one ? access.GetBool(message, &field) : access.GetRepeatedBool(message, &field, index);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumText(one ? *access.GetEnum(message, &field)
                          : *access.GetRepeatedEnum(message, &field, index));
    case FieldDescriptor::CPPTYPE_STRING:
      return Text(field, one ? access.GetString(message, &field)
                             : access.GetRepeatedString(message, &field, index));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return SubmessageToJson(one ? access.GetMessage(message, &field)
                                  : access.GetRepeatedMessage(message, &field, index),
                              form);
  }
  return nullptr;
}

std::string KeyText(const ordered_json& key) {
  return key.is_string() ? key.get<std::string>() : key.dump();
}

ordered_json MapToJson(const Message& message, const FieldDescriptor& field,
                       const MessageForm& form) {
  const FieldDescriptor& key_field = *field.message_type()->map_key();
  const FieldDescriptor& value_field = *field.message_type()->map_value();
  const Reflection& access = *message.GetReflection();
  std::map<std::string, ordered_json> sorted;
  for (int i = 0; i < access.FieldSize(message, &field); ++i) {
    const Message& entry = access.GetRepeatedMessage(message, &field, i);
    sorted[KeyText(Value(entry, key_field, -1, form))] = Value(entry, value_field, -1, form);
  }
  ordered_json object = ordered_json::object();
  for (auto& [key, value] : sorted) object[key] = std::move(value);
  return object;
}

ordered_json ListToJson(const Message& message, const FieldDescriptor& field,
                        const MessageForm& form) {
  ordered_json list = ordered_json::array();
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    list.push_back(Value(message, field, i, form));
  }
  return list;
}

bool IsShown(const Message& message, const FieldDescriptor& field, const MessageForm& form) {
  if (form.settings_only && IsOutputOnly(field)) return false;
  const Reflection& access = *message.GetReflection();
  if (field.is_repeated()) return form.with_defaults || access.FieldSize(message, &field) > 0;
  return access.HasField(message, &field) || (form.with_defaults && !field.has_presence());
}

// What YAML reads as something else than the text that it is.
bool NeedsQuotes(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return true;
  constexpr std::string_view kIndicators = "-?:,[]{}#&*!|>'\"%@`=~<";
  if (kIndicators.find(text.front()) != std::string_view::npos) return true;
  // Numbers, times, .inf and .nan.
  if ((text.front() >= '0' && text.front() <= '9') || text.front() == '+' || text.front() == '.') {
    return std::ranges::all_of(text, [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
             std::string_view("+-.:_xXointy ").find(c) != std::string_view::npos;
    });
  }
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos ||
      text.back() == ':') {
    return true;
  }
  for (const std::string_view word :
       {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}) {
    if (base::EqualsNoCase(text, word)) return true;
  }
  return false;
}

// Controls, and what would mislead a terminal or an editor.
bool NeedsEscapes(std::string_view text) {
  return text.find('\n') != std::string_view::npos || PrintableMessage(text) != text;
}

std::string ScalarToYaml(const ordered_json& value) {
  if (value.is_null()) return "null";
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  // JSON's quoted strings are YAML's.
  const bool escapes = NeedsEscapes(text);
  if (escapes || NeedsQuotes(text)) {
    return value.dump(-1, ' ', escapes, ordered_json::error_handler_t::replace);
  }
  return text;
}

std::string KeyToYaml(const std::string& key) { return ScalarToYaml(ordered_json(key)); }

bool IsBlock(const ordered_json& value) { return value.is_structured() && !value.empty(); }

void AppendYaml(const ordered_json& value, std::size_t indent, std::string& out);

// What stands behind "key:" or "-".
void AppendItem(const ordered_json& value, std::size_t indent, bool in_list, std::string& out) {
  if (!IsBlock(value)) {
    out += value.is_structured() ? fmt::format(" {}\n", value.dump())
                                 : fmt::format(" {}\n", ScalarToYaml(value));
    return;
  }
  if (!in_list) {
    out += '\n';
    return AppendYaml(value, indent + 2, out);
  }
  // The first line of a block stands behind the dash.
  std::string block;
  AppendYaml(value, indent + 2, block);
  out += block.substr(indent + 1);
}

void AppendYaml(const ordered_json& value, std::size_t indent, std::string& out) {
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) {
      out.append(indent, ' ').append(KeyToYaml(key)).append(":");
      AppendItem(item, indent, false, out);
    }
    return;
  }
  for (const ordered_json& item : value) {
    out.append(indent, ' ').append("-");
    AppendItem(item, indent, true, out);
  }
}

}  // namespace

bool IsOutputOnly(const FieldDescriptor& field) {
  constexpr int kFirstOutputOnly = 30;
  return field.number() >= kFirstOutputOnly;
}

bool IsSize(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64 &&
         (field.name().ends_with("_bytes") || field.name().ends_with("_size"));
}

std::string EnumText(const EnumValueDescriptor& value) {
  if (value.number() == 0) return {};
  // Scope -> "SCOPE_", NamespaceStatus -> "NAMESPACE_STATUS_".
  std::string prefix;
  for (const char c : value.type()->name()) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !prefix.empty()) prefix += '_';
    prefix += base::ToLower(c);
  }
  prefix += '_';
  std::string text = base::LowerCase(value.name());
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

ordered_json MessageToJson(const Message& message, const MessageForm& form) {
  ordered_json object = ordered_json::object();
  const Descriptor& type = *message.GetDescriptor();
  MessageForm inner = form;
  inner.settings_only = false;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (!IsShown(message, field, form)) continue;
    object[field.name()] = field.is_map()        ? MapToJson(message, field, inner)
                           : field.is_repeated() ? ListToJson(message, field, inner)
                                                 : Value(message, field, -1, inner);
  }
  return object;
}

std::string JsonToYaml(const ordered_json& json) {
  if (!IsBlock(json)) return (json.is_structured() ? json.dump() : ScalarToYaml(json)) + "\n";
  std::string text;
  AppendYaml(json, 0, text);
  return text;
}

std::string MessageToYaml(const Message& message, const MessageForm& form) {
  return JsonToYaml(MessageToJson(message, form));
}

}  // namespace prism::cli
