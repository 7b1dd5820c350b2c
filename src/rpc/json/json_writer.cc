#include "rpc/json/json_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/utf8.h"

namespace prism::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

template <class T>
void AppendNumber(T value, std::string& out) {
  const fmt::format_int text(value);
  out.append(text.data(), text.size());
}

// JavaScript's numbers hold 53 bits.
template <class T>
void AppendQuotedNumber(T value, std::string& out) {
  out += '"';
  AppendNumber(value, out);
  out += '"';
}

bool MustEscape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

void AppendEscaped(char c, std::string& out) {
  constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetters = "\"\\bfnrt";
  if (const std::size_t i = kShort.find(c); i != std::string_view::npos) {
    out += '\\';
    out += kLetters[i];
  } else {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

// Entries of a map come in the order of a hash table that changes from process to process.
bool KeyLess(const Message& a, const Message& b, const FieldDescriptor& key) {
  const Reflection& access = *a.GetReflection();
  switch (key.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return access.GetInt32(a, &key) < access.GetInt32(b, &key);
    case FieldDescriptor::CPPTYPE_INT64:
      return access.GetInt64(a, &key) < access.GetInt64(b, &key);
    case FieldDescriptor::CPPTYPE_UINT32:
      return access.GetUInt32(a, &key) < access.GetUInt32(b, &key);
    case FieldDescriptor::CPPTYPE_UINT64:
      return access.GetUInt64(a, &key) < access.GetUInt64(b, &key);
    case FieldDescriptor::CPPTYPE_BOOL:
      return !access.GetBool(a, &key) && access.GetBool(b, &key);
    default: {
      std::string scratch_a;
      std::string scratch_b;
      return access.GetStringReference(a, &key, &scratch_a) <
             access.GetStringReference(b, &key, &scratch_b);
    }
  }
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    const auto* const stop = std::ranges::find_if(text, MustEscape);
    const std::string_view plain(text.begin(), stop);
    out += plain;
    text.remove_prefix(plain.size());
    if (text.empty()) break;
    AppendEscaped(text.front(), out);
    text.remove_prefix(1);
  }
  out += '"';
}

Status JsonWriter::WriteMessage(const Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  switch (type.well_known_type()) {
    case Descriptor::WELLKNOWNTYPE_UNSPECIFIED:
      TRY(Open('{'));
      TRY(WriteFields(message, /*first=*/true));
      Close('}');
      return {};
    case Descriptor::WELLKNOWNTYPE_ANY:
      return WriteAny(message);
    case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      return WriteTimestamp(message);
    case Descriptor::WELLKNOWNTYPE_DURATION:
      return WriteDuration(message);
    case Descriptor::WELLKNOWNTYPE_FIELDMASK:
      return WriteFieldMask(message);
    case Descriptor::WELLKNOWNTYPE_VALUE:
      return WriteValue(message);
    case Descriptor::WELLKNOWNTYPE_LISTVALUE:
      return WriteRepeated(message, *type.FindFieldByNumber(1));
    case Descriptor::WELLKNOWNTYPE_STRUCT:
      return WriteMap(message, *type.FindFieldByNumber(1));
    default:  // the wrappers: one field
      return WriteSingle(message, *type.FindFieldByNumber(1), kSingular);
  }
}

Status JsonWriter::WriteFields(const Message& message, bool first) {
  const Descriptor& type = *message.GetDescriptor();
  const Reflection& access = *message.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool present = field.is_repeated() ? access.FieldSize(message, &field) > 0
                                             : access.HasField(message, &field);
    if (!present) continue;
    if (!std::exchange(first, false)) out_ += ',';
    path_.EnterField(field.json_name());
    AppendJsonString(field.json_name(), out_);
    out_ += ':';
    TRY(WriteField(message, field));
    path_.Leave();
  }
  return {};
}

Status JsonWriter::WriteField(const Message& message, const FieldDescriptor& field) {
  if (field.is_map()) return WriteMap(message, field);
  if (field.is_repeated()) return WriteRepeated(message, field);
  return WriteSingle(message, field, kSingular);
}

Status JsonWriter::WriteRepeated(const Message& message, const FieldDescriptor& field) {
  TRY(Open('['));
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    if (i > 0) out_ += ',';
    path_.EnterElement(static_cast<std::size_t>(i));
    TRY(WriteSingle(message, field, i));
    path_.Leave();
  }
  Close(']');
  return {};
}

Status JsonWriter::WriteMap(const Message& message, const FieldDescriptor& field) {
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& value = *field.message_type()->map_value();
  const Reflection& access = *message.GetReflection();
  struct Entry {
    const Message* message;
    int index;
  };
  std::vector<Entry> entries;
  const int size = access.FieldSize(message, &field);
  entries.reserve(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) {
    entries.push_back({.message = &access.GetRepeatedMessage(message, &field, i), .index = i});
  }
  const auto less = [&](const Entry& a, const Entry& b) {
    return KeyLess(*a.message, *b.message, key);
  };
  std::ranges::sort(entries, [&](const Entry& a, const Entry& b) {
    return less(a, b) || (!less(b, a) && a.index < b.index);
  });
  TRY(Open('{'));
  bool first = true;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    // What was filled through reflection may have a key twice; the last one counts.
    if (i + 1 < entries.size() && !less(entries[i], entries[i + 1])) continue;
    const Message& entry = *entries[i].message;
    if (!std::exchange(first, false)) out_ += ',';
    path_.EnterElement(i);
    TRY(WriteMapKey(entry, key));
    out_ += ':';
    TRY(WriteSingle(entry, value, kSingular));
    path_.Leave();
  }
  Close('}');
  return {};
}

// Names of members are strings, whatever the type of the key.
Status JsonWriter::WriteMapKey(const Message& entry, const FieldDescriptor& key) {
  const bool quoted = key.cpp_type() == FieldDescriptor::CPPTYPE_INT32 ||
                      key.cpp_type() == FieldDescriptor::CPPTYPE_UINT32 ||
                      key.cpp_type() == FieldDescriptor::CPPTYPE_BOOL;
  if (quoted) out_ += '"';
  TRY(WriteSingle(entry, key, kSingular));
  if (quoted) out_ += '"';
  return {};
}

Status JsonWriter::WriteSingle(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& access = *message.GetReflection();
  // Calls the getter for a singular field, or the one for an element.
  const auto get = [&](auto singular, auto element) {
    return index == kSingular ? (access.*singular)(message, &field)
                              : (access.*element)(message, &field, index);
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      AppendNumber(get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32), out_);
      return {};
    case FieldDescriptor::CPPTYPE_UINT32:
      AppendNumber(get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32), out_);
      return {};
    case FieldDescriptor::CPPTYPE_INT64:
      AppendQuotedNumber(get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64), out_);
      return {};
    case FieldDescriptor::CPPTYPE_UINT64:
      AppendQuotedNumber(get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64), out_);
      return {};
    case FieldDescriptor::CPPTYPE_DOUBLE:
      WriteReal(get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble));
      return {};
    case FieldDescriptor::CPPTYPE_FLOAT:
      WriteReal(get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat));
      return {};
    case FieldDescriptor::CPPTYPE_BOOL:
      out_ += get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false";
      return {};
    case FieldDescriptor::CPPTYPE_ENUM:
      WriteEnum(field, get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue));
      return {};
    case FieldDescriptor::CPPTYPE_STRING:
      return WriteText(message, field, index);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return WriteMessage(index == kSingular ? access.GetMessage(message, &field)
                                             : access.GetRepeatedMessage(message, &field, index));
  }
  return {};
}

Status JsonWriter::WriteText(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& access = *message.GetReflection();
  std::string scratch;
  const std::string& text =
      index == kSingular ? access.GetStringReference(message, &field, &scratch)
                         : access.GetRepeatedStringReference(message, &field, index, &scratch);
  if (field.type() != FieldDescriptor::TYPE_BYTES) return WriteString(text);
  out_ += '"';
  out_ += base::Base64Encode(text);
  out_ += '"';
  return {};
}

void JsonWriter::WriteEnum(const FieldDescriptor& field, int number) {
  const auto& type = *field.enum_type();
  if (number == 0 && type.full_name() == "google.protobuf.NullValue") {
    out_ += "null";
  } else if (const auto* const value = type.FindValueByNumber(number)) {
    AppendJsonString(value->name(), out_);
  } else {
    AppendNumber(number, out_);
  }
}

Status JsonWriter::WriteString(std::string_view text) {
  if (!base::IsValidUtf8(text)) {
    return std::unexpected(Refused("JSON_INVALID_VALUE", "a string must be UTF-8"));
  }
  AppendJsonString(text, out_);
  return {};
}

// The shortest digits that are read back as the same value.
template <class T>
void JsonWriter::WriteReal(T value) {
  if (std::isnan(value)) {
    out_ += R"("NaN")";
  } else if (std::isinf(value)) {
    out_ += value > 0 ? R"("Infinity")" : R"("-Infinity")";
  } else {
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
}

Status JsonWriter::Open(char bracket) {
  if (depth_ >= options_.max_depth) {
    return std::unexpected(Refused(
        "JSON_TOO_DEEP",
        fmt::format("more than {} objects and arrays inside one another", options_.max_depth)));
  }
  ++depth_;
  out_ += bracket;
  return {};
}

void JsonWriter::Close(char bracket) {
  --depth_;
  out_ += bracket;
}

Error JsonWriter::Refused(std::string_view reason, std::string_view description) const {
  const std::string path = path_.ToString();
  return Error(Code::kInternal, reason,
               fmt::format("{} has no form in JSON: {}", path.empty() ? "the message" : path,
                           description))
      .With("path", path);
}

}  // namespace prism::rpc
