#include "cli/message_input.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/strings.h"
#include "base/time_text.h"
#include "base/units.h"
#include "cli/message_output.h"
#include "cli/short_forms.h"
#include "prism/admin/v1/namespaces.pb.h"

namespace prism::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using namespaces::Problems;
using namespaces::YamlValue;

std::vector<std::string> FieldNames(const Descriptor& type, bool settings_only) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) {
    if (settings_only && IsOutputOnly(*type.field(i))) continue;
    names.push_back(type.field(i)->name());
  }
  return names;
}

const FieldDescriptor* FindField(const Descriptor& type, std::string key) {
  std::ranges::replace(key, '-', '_');
  return type.FindFieldByName(key);
}

std::string UnknownKey(const Descriptor& type, const std::string& key) {
  const std::vector<std::string> known = FieldNames(type, true);
  std::string word = key;
  std::ranges::replace(word, '-', '_');
  if (const auto nearest = base::NearestMatch(word, known)) {
    return fmt::format("there is no \"{}\"; did you mean \"{}\"?", key, *nearest);
  }
  return fmt::format("there is no \"{}\"; there are {}", key, fmt::join(known, ", "));
}

std::string Choices(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(EnumText(*type.value(i)));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

template <class T>
std::optional<T> Whole(const std::string& text) {
  T number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Reads values into one message. Life cycle: on the stack, for one text.
class Reader {
 public:
  explicit Reader(Problems& problems) : problems_(problems) {}

  std::vector<std::string> ReadFields(const YamlValue& value, Message& into, bool record) {
    std::vector<std::string> names;
    if (value.kind == YamlValue::Kind::kNull) return names;
    if (value.kind != YamlValue::Kind::kMap) {
      Bad(value, fmt::format("{} stands where a map of settings is expected", value.KindName()));
      return names;
    }
    for (const auto& [key, item] : value.fields) {
      const FieldDescriptor* field = FindField(*into.GetDescriptor(), key.text);
      if (field == nullptr) {
        problems_.Add(key.mark, "UNKNOWN_KEY", UnknownKey(*into.GetDescriptor(), key.text));
        continue;
      }
      if (record && IsOutputOnly(*field)) continue;
      ReadField(item, *field, into);
      names.push_back(field->name());
    }
    return names;
  }

  void ReadField(const YamlValue& value, const FieldDescriptor& field, Message& into) {
    into.GetReflection()->ClearField(&into, &field);
    if (value.kind == YamlValue::Kind::kNull) return;
    if (field.is_map()) return ReadMap(value, field, into);
    if (!field.is_repeated()) return ReadOne(value, field, into);
    if (value.kind != YamlValue::Kind::kList) {
      return Bad(value, fmt::format("{} must be a list: [A, B]", field.name()));
    }
    for (const YamlValue& item : value.items) ReadOne(item, field, into);
  }

  // `field`: that of an entry of a map, too.
  void ReadOne(const YamlValue& value, const FieldDescriptor& field, Message& into) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const Reflection& access = *into.GetReflection();
      Message& part = field.is_repeated() ? *access.AddMessage(&into, &field)
                                          : *access.MutableMessage(&into, &field);
      return ReadPart(value, field, part);
    }
    if (value.kind != YamlValue::Kind::kScalar) {
      return Bad(value, fmt::format("{} must be a single value, it is {}", field.name(),
                                    value.KindName()));
    }
    ReadScalar(value, field, into);
  }

 private:
  void Bad(const YamlValue& value, std::string message) {
    problems_.Add(value.mark, "BAD_VALUE", std::move(message));
  }

  void ReadMap(const YamlValue& value, const FieldDescriptor& field, Message& into) {
    if (value.kind != YamlValue::Kind::kMap) {
      return Bad(value, fmt::format("{} must be a map: {{NAME: VALUE}}", field.name()));
    }
    for (const auto& [key, item] : value.fields) {
      Message& entry = *into.GetReflection()->AddMessage(&into, &field);
      entry.GetReflection()->SetString(&entry, field.message_type()->map_key(), key.text);
      ReadOne(item, *field.message_type()->map_value(), entry);
    }
  }

  void ReadPart(const YamlValue& value, const FieldDescriptor& field, Message& part) {
    const bool time =
        part.GetDescriptor()->well_known_type() == Descriptor::WELLKNOWNTYPE_DURATION ||
        part.GetDescriptor()->well_known_type() == Descriptor::WELLKNOWNTYPE_TIMESTAMP;
    if (!time) {
      ReadFields(value, part, false);
      return;
    }
    if (value.kind != YamlValue::Kind::kScalar) {
      return Bad(value, fmt::format("{} must be a single value", field.name()));
    }
    if (auto* span = google::protobuf::DynamicCastToGenerated<google::protobuf::Duration>(&part)) {
      const auto parsed = base::ParseDuration(value.scalar);
      if (!parsed) return Bad(value, fmt::format("{}: {}", field.name(), parsed.error().message()));
      span->set_seconds(parsed->count() / 1000);
      span->set_nanos(static_cast<std::int32_t>(parsed->count() % 1000 * 1'000'000));
      return;
    }
    auto* at = google::protobuf::DynamicCastToGenerated<google::protobuf::Timestamp>(&part);
    const auto parsed = base::ParseTimestamp(value.scalar);
    if (!parsed || at == nullptr) {
      return Bad(value, fmt::format("{}: write a time as 2026-01-31T12:00:00Z", field.name()));
    }
    at->set_seconds(parsed->seconds);
    at->set_nanos(parsed->nanos);
  }

  void ReadScalar(const YamlValue& value, const FieldDescriptor& field, Message& into) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (field.is_repeated()) {
          into.GetReflection()->AddString(&into, &field, value.scalar);
        } else {
          into.GetReflection()->SetString(&into, &field, value.scalar);
        }
        return;
      case FieldDescriptor::CPPTYPE_BOOL:
        return ReadBool(value, field, into);
      case FieldDescriptor::CPPTYPE_ENUM:
        return ReadEnum(value, field, into);
      case FieldDescriptor::CPPTYPE_UINT64:
        return ReadNumber(value, field, into);
      default:
        // Settings have no other kinds; a new one is noticed by the first who writes it down.
        Bad(value, fmt::format("{} can't be set from the command line", field.name()));
    }
  }

  void ReadBool(const YamlValue& value, const FieldDescriptor& field, Message& into) {
    const bool on = value.scalar == "true" || value.scalar == "on";
    if (!on && value.scalar != "false" && value.scalar != "off") {
      return Bad(value, fmt::format("{} must be true or false", Shown(field)));
    }
    into.GetReflection()->SetBool(&into, &field, on);
  }

  void ReadEnum(const YamlValue& value, const FieldDescriptor& field, Message& into) {
    const EnumDescriptor& type = *field.enum_type();
    for (int i = 0; i < type.value_count(); ++i) {
      if (type.value(i)->number() == 0 || EnumText(*type.value(i)) != value.scalar) continue;
      return into.GetReflection()->SetEnum(&into, &field, type.value(i));
    }
    Bad(value, fmt::format("{} must be one of {}", field.name(), Choices(type)));
  }

  void ReadNumber(const YamlValue& value, const FieldDescriptor& field, Message& into) {
    if (IsSize(field)) {
      const auto size = base::ParseSize(value.scalar);
      if (!size) return Bad(value, fmt::format("{}: {}", field.name(), size.error().message()));
      return into.GetReflection()->SetUInt64(&into, &field, *size);
    }
    const auto number = Whole<std::uint64_t>(value.scalar);
    if (!number) {
      return Bad(value, fmt::format("{} must be a whole number, 0 or more", field.name()));
    }
    into.GetReflection()->SetUInt64(&into, &field, *number);
  }

  // Of the value of a map nobody knows the name "value".
  static std::string Shown(const FieldDescriptor& field) {
    return field.containing_type()->options().map_entry() ? "it" : field.name();
  }

  Problems& problems_;
};

Error BadSetting(std::string_view path, std::string_view problem) {
  return Error(Code::kInvalidArgument, "BAD_SETTING", fmt::format("{}: {}", path, problem));
}

// What "a, b" or a single word is to a field.
YamlValue ValueOf(const FieldDescriptor& field, const std::string& text, Problems& problems) {
  const bool texts =
      field.is_repeated() && !field.is_map() && field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  const bool time =
      field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
      field.message_type()->well_known_type() != Descriptor::WELLKNOWNTYPE_UNSPECIFIED;
  const bool structured = texts ? text.starts_with('[')
                                : !time && (field.is_repeated() ||
                                            field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE);
  if (structured) return namespaces::ParseYaml(text, {.max_bytes = 1u << 20}, problems);
  YamlValue value(YamlValue::Kind::kScalar, {});
  if (!texts) {
    value.scalar = text;
    return value;
  }
  YamlValue list(YamlValue::Kind::kList, {});
  for (std::size_t at = 0; at <= text.size() && !text.empty();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    value.scalar = std::string(base::Trim(std::string_view(text).substr(at, end - at)));
    list.items.push_back(value);
    at = end + 1;
  }
  return list;
}

Message& EntryOf(Message& into, const FieldDescriptor& map, const std::string& key) {
  const Reflection& access = *into.GetReflection();
  const FieldDescriptor* key_field = map.message_type()->map_key();
  for (int i = 0; i < access.FieldSize(into, &map); ++i) {
    Message& entry = *access.MutableRepeatedMessage(&into, &map, i);
    if (entry.GetReflection()->GetString(entry, key_field) == key) return entry;
  }
  Message& entry = *access.AddMessage(&into, &map);
  entry.GetReflection()->SetString(&entry, key_field, key);
  return entry;
}

void RemoveEntry(Message& from, const FieldDescriptor& map, const std::string& key) {
  const Reflection& access = *from.GetReflection();
  const int size = access.FieldSize(from, &map);
  for (int i = 0; i < size; ++i) {
    const Message& entry = access.GetRepeatedMessage(from, &map, i);
    if (entry.GetReflection()->GetString(entry, map.message_type()->map_key()) != key) continue;
    access.SwapElements(&from, &map, i, size - 1);
    return access.RemoveLast(&from, &map);
  }
}

// A setting that was found by its path: the message that holds it, or a map and a key of it.
struct Place {
  Message* message;
  const FieldDescriptor* field;
  std::string key;   // of a map; else empty
  std::string root;  // field of the record
};

Result<Place> FindPlace(Message& record, std::string_view path) {
  const std::string_view first = path.substr(0, path.find('.'));
  const Descriptor& type = *record.GetDescriptor();
  const FieldDescriptor* field = FindField(type, std::string(first));
  if (field == nullptr)
    return std::unexpected(BadSetting(path, UnknownKey(type, std::string(first))));
  if (IsOutputOnly(*field)) return std::unexpected(BadSetting(path, "only the server sets it"));
  if (field->name() == "name") return std::unexpected(BadSetting(path, "a name can't be changed"));
  Place place{.message = &record, .field = field, .key = {}, .root = field->name()};
  if (first.size() == path.size()) return place;

  const std::string rest(path.substr(first.size() + 1));
  if (field->is_map()) {
    place.key = rest;
    return place;
  }
  const bool has_parts =
      !field->is_repeated() && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
      field->message_type()->well_known_type() == Descriptor::WELLKNOWNTYPE_UNSPECIFIED;
  if (!has_parts) {
    return std::unexpected(
        BadSetting(path, fmt::format("\"{}\" has no parts: set it as a whole", first)));
  }
  const FieldDescriptor* part = FindField(*field->message_type(), rest);
  if (part == nullptr) {
    return std::unexpected(BadSetting(path, UnknownKey(*field->message_type(), rest)));
  }
  place.message = record.GetReflection()->MutableMessage(&record, field);
  place.field = part;
  return place;
}

}  // namespace

std::vector<std::string> ReadYaml(std::string_view text, Message& into, Problems& problems) {
  YamlValue value = namespaces::ParseYaml(text, {}, problems);
  if (!problems.empty()) return {};  // what stands behind a syntax error was not seen
  if (into.GetDescriptor() == admin::v1::Namespace::descriptor()) SpellOut(value, problems);
  return Reader(problems).ReadFields(value, into, true);
}

Result<std::string> SetField(Message& into, std::string_view path, const std::string& text) {
  TRY_ASSIGN(const Place place, FindPlace(into, path));
  Problems problems{std::string(path)};
  Reader reader(problems);
  if (place.key.empty()) {
    const YamlValue value = ValueOf(*place.field, text, problems);
    if (problems.empty()) reader.ReadField(value, *place.field, *place.message);
  } else {
    const FieldDescriptor& value_field = *place.field->message_type()->map_value();
    const YamlValue value = ValueOf(value_field, text, problems);
    Message& entry = EntryOf(*place.message, *place.field, place.key);
    if (problems.empty()) reader.ReadField(value, value_field, entry);
  }
  if (!problems.empty()) return std::unexpected(BadSetting(path, problems.all().front().message));
  return place.root;
}

Result<std::string> ClearField(Message& into, std::string_view path) {
  TRY_ASSIGN(const Place place, FindPlace(into, path));
  if (place.key.empty()) {
    place.message->GetReflection()->ClearField(place.message, place.field);
  } else {
    RemoveEntry(*place.message, *place.field, place.key);
  }
  return place.root;
}

std::vector<std::string> SettingNames(const Message& record) {
  return FieldNames(*record.GetDescriptor(), true);
}

std::vector<std::string> ChangedFields(const Message& before, const Message& after) {
  const nlohmann::ordered_json old_json = MessageToJson(before, kJsonForm);
  const nlohmann::ordered_json new_json = MessageToJson(after, kJsonForm);
  std::vector<std::string> names;
  for (const std::string& name : SettingNames(before)) {
    const nlohmann::ordered_json old_value = old_json.value(name, nlohmann::ordered_json());
    if (old_value != new_json.value(name, nlohmann::ordered_json())) names.push_back(name);
  }
  return names;
}

void KeepFields(Message& message, const std::vector<std::string>& kept) {
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    if (std::ranges::find(kept, type.field(i)->name()) != kept.end()) continue;
    message.GetReflection()->ClearField(&message, type.field(i));
  }
}

}  // namespace prism::cli
