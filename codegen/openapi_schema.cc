#include "codegen/openapi_schema.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "codegen/names.h"

namespace prism::codegen {

namespace pb = google::protobuf;

namespace {

using Known = pb::Descriptor::WellKnownType;
using Type = pb::FieldDescriptor::Type;

Json Reference(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }

Json Whole(const char* format, std::int64_t minimum, std::int64_t maximum) {
  return {{"type", "integer"}, {"format", format}, {"minimum", minimum}, {"maximum", maximum}};
}

// Numbers of 64 bits are text, so that no reader rounds them to a double.
Json WholeAsText(const char* format, const char* pattern) {
  return {{"type", "string"}, {"format", format}, {"pattern", pattern}};
}

// A number, or the text of what JSON has no number for.
Json Real(const char* format) {
  return {{"anyOf",
           {{{"type", "number"}, {"format", format}},
            {{"type", "string"}, {"enum", {"NaN", "Infinity", "-Infinity"}}}}}};
}

Json ScalarSchema(Type type) {
  using F = pb::FieldDescriptor;
  switch (type) {
    case F::TYPE_BOOL:
      return {{"type", "boolean"}};
    case F::TYPE_INT32:
    case F::TYPE_SINT32:
    case F::TYPE_SFIXED32:
      return Whole("int32", std::numeric_limits<std::int32_t>::min(),
                   std::numeric_limits<std::int32_t>::max());
    case F::TYPE_UINT32:
    case F::TYPE_FIXED32:
      return Whole("uint32", 0, std::numeric_limits<std::uint32_t>::max());
    case F::TYPE_INT64:
    case F::TYPE_SINT64:
    case F::TYPE_SFIXED64:
      return WholeAsText("int64", "^-?[0-9]+$");
    case F::TYPE_UINT64:
    case F::TYPE_FIXED64:
      return WholeAsText("uint64", "^[0-9]+$");
    case F::TYPE_FLOAT:
      return Real("float");
    case F::TYPE_DOUBLE:
      return Real("double");
    case F::TYPE_BYTES:
      return {{"type", "string"}, {"format", "byte"}, {"contentEncoding", "base64"}};
    default:
      return {{"type", "string"}};
  }
}

// The forms of their own that proto3 JSON gives to well-known types; nothing for other messages.
std::optional<Json> KnownSchema(const pb::Descriptor& message) {
  switch (message.well_known_type()) {
    case Known::WELLKNOWNTYPE_TIMESTAMP:
      return Json{{"type", "string"}, {"format", "date-time"}};
    case Known::WELLKNOWNTYPE_DURATION:
      return Json{{"type", "string"}, {"pattern", "^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$"}};
    case Known::WELLKNOWNTYPE_FIELDMASK:
      return Json{{"type", "string"}};
    case Known::WELLKNOWNTYPE_STRUCT:
      return Json{{"type", "object"}, {"additionalProperties", true}};
    case Known::WELLKNOWNTYPE_LISTVALUE:
      return Json{{"type", "array"}, {"items", Json::object()}};
    case Known::WELLKNOWNTYPE_VALUE:
      return Json::object();
    case Known::WELLKNOWNTYPE_ANY:
      return Json{{"type", "object"},
                  {"required", Json::array({"@type"})},
                  {"properties", {{"@type", {{"type", "string"}}}}},
                  {"additionalProperties", true}};
    case Known::WELLKNOWNTYPE_UNSPECIFIED:
      return std::nullopt;
    default:
      // The wrappers: their one field, bare.
      return ScalarSchema(message.FindFieldByNumber(1)->type());
  }
}

contract::v1::FieldTraits TraitsOfField(const pb::FieldDescriptor& field) {
  return field.options().GetExtension(contract::v1::field);
}

void SetBounds(const pb::FieldDescriptor& field, Json& schema) {
  const contract::v1::FieldTraits traits = TraitsOfField(field);
  const char* smallest = "minLength";
  const char* largest = "maxLength";
  if (field.is_map()) {
    smallest = "minProperties";
    largest = "maxProperties";
  } else if (field.is_repeated()) {
    smallest = "minItems";
    largest = "maxItems";
  }
  // No text has more characters than bytes: what passes the bound in bytes passes this one.
  if (traits.min_size() > 0) schema[smallest] = traits.min_size();
  if (traits.max_size() > 0) schema[largest] = traits.max_size();
}

// At most one member of each oneof.
Json OneofRule(const pb::Descriptor& message) {
  Json pairs = Json::array();
  for (int i = 0; i < message.real_oneof_decl_count(); ++i) {
    const pb::OneofDescriptor& choice = *message.oneof_decl(i);
    for (int a = 0; a < choice.field_count(); ++a) {
      for (int b = a + 1; b < choice.field_count(); ++b) {
        pairs.push_back(
            {{"required", {choice.field(a)->json_name(), choice.field(b)->json_name()}}});
      }
    }
  }
  return pairs;
}

}  // namespace

std::string TextOf(const std::vector<std::string>& comment) {
  std::string text;
  for (const std::string& line : comment) {
    if (line.empty()) {
      text += "\n\n";
    } else {
      if (!text.empty() && text.back() != '\n') text += ' ';
      text += line;
    }
  }
  return text;
}

Json OpenApiSchemas::Add(const pb::Descriptor& message, bool strict) {
  if (auto known = KnownSchema(message)) return *std::move(known);
  const std::string& name = message.full_name();
  // A message inside itself finds the entry that is being made.
  if (schemas_.try_emplace(name).second) schemas_[name] = MessageSchema(message, strict);
  return Reference(name);
}

Json OpenApiSchemas::AddEnum(const pb::EnumDescriptor& type) {
  Json names = Json::array();
  std::string text = TextOf(CommentOf(type));
  for (int i = 0; i < type.value_count(); ++i) {
    const pb::EnumValueDescriptor& value = *type.value(i);
    names.push_back(value.name());
    const std::string meaning = TextOf(CommentOf(value));
    if (!meaning.empty()) text += "\n\n`" + value.name() + "`: " + meaning;
  }
  schemas_[type.full_name()] = {{"type", "string"}, {"description", text}, {"enum", names}};
  return Reference(type.full_name());
}

Json OpenApiSchemas::ElementSchema(const pb::FieldDescriptor& field, bool strict) {
  if (field.message_type() != nullptr) return Add(*field.message_type(), strict);
  if (field.enum_type() != nullptr) return AddEnum(*field.enum_type());
  return ScalarSchema(field.type());
}

Json OpenApiSchemas::FieldSchema(const pb::FieldDescriptor& field, bool strict) {
  Json schema;
  if (field.is_map()) {
    schema = {{"type", "object"},
              {"additionalProperties", ElementSchema(*field.message_type()->map_value(), strict)}};
  } else if (field.is_repeated()) {
    schema = {{"type", "array"}, {"items", ElementSchema(field, strict)}};
  } else {
    schema = ElementSchema(field, strict);
  }
  SetBounds(field, schema);
  return schema;
}

Json OpenApiSchemas::MessageSchema(const pb::Descriptor& message, bool strict) {
  Json properties = Json::object();
  Json required = Json::array();
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::FieldDescriptor& field = *message.field(i);
    Json schema = FieldSchema(field, strict);
    std::string text = TextOf(CommentOf(field));
    if (const pb::OneofDescriptor* choice = field.real_containing_oneof()) {
      text = "(One of `" + choice->name() + "`.) " + text;
    }
    schema["description"] = text;
    properties[field.json_name()] = std::move(schema);
    if (TraitsOfField(field).required()) required.push_back(field.json_name());
  }
  Json schema = {{"type", "object"},
                 {"description", TextOf(CommentOf(message))},
                 {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  if (Json pairs = OneofRule(message); !pairs.empty()) schema["not"] = {{"anyOf", pairs}};
  if (strict) schema["additionalProperties"] = false;
  return schema;
}

Json OpenApiSchemas::Take() && {
  Json all = Json::object();
  for (auto& [name, schema] : schemas_) all[name] = std::move(schema);
  return all;
}

}  // namespace prism::codegen
