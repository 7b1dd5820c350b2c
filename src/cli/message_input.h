// Records of the admin API from text: the YAML that MessageToYaml writes, and single settings.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "namespaces/problems.h"
#include "namespaces/yaml_value.h"

namespace prism::cli {

// Fields of `into` that the text names get its values; those that only the server sets are read
// over, so that what was printed can be read. Keys with - or _; of a namespace also the short forms
// of short_forms.h. Every mistake is added to
// `problems` with its place: BAD_VALUE, UNKNOWN_KEY with the nearest that is known, and those of
// ParseYaml. Returns the names of the settings that the text has, in its order.
std::vector<std::string> ReadYaml(std::string_view text, google::protobuf::Message& into,
                                  namespaces::Problems& problems);

// One setting: "rate_limit_rps" = "500", "access.read" = "billing,unix:ann", "features.beta" =
// "true", "patterns" = "[{type: outbox}]" (YAML for what is more than a value or a list of texts).
// Returns the name of the field of `into` that it is in. INVALID_ARGUMENT/BAD_SETTING.
Result<std::string> SetField(google::protobuf::Message& into, std::string_view path,
                             const std::string& text);
// Gives a setting its default.
Result<std::string> ClearField(google::protobuf::Message& into, std::string_view path);

// The settings of a record that can be changed, for messages and help.
std::vector<std::string> SettingNames(const google::protobuf::Message& record);
// Settings in which two records of one type differ.
std::vector<std::string> ChangedFields(const google::protobuf::Message& before,
                                       const google::protobuf::Message& after);
// Clears all fields but these.
void KeepFields(google::protobuf::Message& message, const std::vector<std::string>& kept);

}  // namespace prism::cli
