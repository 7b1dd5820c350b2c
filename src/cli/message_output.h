// Messages as people and programs read them: JSON and YAML with the spelling of prism.yaml, driven
// by descriptors.
#pragma once

#include <google/protobuf/message.h>
#include <nlohmann/json_fwd.hpp>

#include <string>

namespace google::protobuf {
class EnumValueDescriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace prism::cli {

// How much of a message is shown, and how.
struct MessageForm {
  // Scalars, lists and maps also when they are empty, so that programs always find the key.
  // Messages that are not set are left out in every form.
  bool with_defaults = false;
  // Numbers of bytes (fields named ..._bytes) as "4MiB".
  bool sizes_as_text = false;
  // Of a record only what can be set: see IsOutputOnly.
  bool settings_only = false;
};
inline constexpr MessageForm kJsonForm{.with_defaults = true};
inline constexpr MessageForm kYamlForm{.sizes_as_text = true};
inline constexpr MessageForm kSettingsForm{.sizes_as_text = true, .settings_only = true};

// Fields that only the server sets: records of the admin API number them from 30.
bool IsOutputOnly(const google::protobuf::FieldDescriptor& field);
// As prism.yaml spells it: "active" for ACTIVE, "read" for SCOPE_READ of the enum Scope; empty for
// the value 0, which stands for none.
std::string EnumText(const google::protobuf::EnumValueDescriptor& value);
// Whether the field is a number of bytes.
bool IsSize(const google::protobuf::FieldDescriptor& field);

// Names as in the .proto, in its order; whole numbers are numbers, times RFC 3339, spans "1m30s",
// bytes base64, enums as EnumText, field masks lists; maps by key.
nlohmann::ordered_json MessageToJson(const google::protobuf::Message& message,
                                     const MessageForm& form = kJsonForm);

// Block style for what has parts, one line a scalar; texts are quoted when YAML would read
// something else. Ends with a line end.
std::string JsonToYaml(const nlohmann::ordered_json& json);
std::string MessageToYaml(const google::protobuf::Message& message,
                          const MessageForm& form = kYamlForm);

}  // namespace prism::cli
