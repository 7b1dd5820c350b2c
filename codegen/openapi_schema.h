// Messages as JSON Schema (2020-12, which OpenAPI 3.1 takes as it is): what proto3 JSON writes, and
// of requests also what fields must hold.
#pragma once

#include <google/protobuf/descriptor.h>
#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <vector>

namespace prism::codegen {

using Json = nlohmann::ordered_json;

// The comment as text: lines of a paragraph joined, paragraphs apart.
std::string TextOf(const std::vector<std::string>& comment);

// Collects the schemas of messages and enums, each once, by full name. Life cycle: AddAnswer for
// all methods, AddRequest for all methods, then Take. Thread rule: one thread.
class OpenApiSchemas {
 public:
  // A reference to the schema of the message. What only requests have is strict: the server refuses
  // fields that it does not know, while clients must bear new ones in answers.
  Json AddAnswer(const google::protobuf::Descriptor& message) { return Add(message, false); }
  Json AddRequest(const google::protobuf::Descriptor& message) { return Add(message, true); }

  // The schema of one field of a request with its bounds, without its description.
  Json FieldSchema(const google::protobuf::FieldDescriptor& field, bool strict = true);

  // The object of all schemas, by name.
  Json Take() &&;

 private:
  Json Add(const google::protobuf::Descriptor& message, bool strict);
  Json AddEnum(const google::protobuf::EnumDescriptor& type);
  Json ElementSchema(const google::protobuf::FieldDescriptor& field, bool strict);
  Json MessageSchema(const google::protobuf::Descriptor& message, bool strict);

  std::map<std::string, Json> schemas_;
};

}  // namespace prism::codegen
