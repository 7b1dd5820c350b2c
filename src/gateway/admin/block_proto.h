// The blocks of a namespace, `needs` and `shadow`, as messages of the admin API, and back.
#pragma once

#include <google/protobuf/duration.pb.h>

#include <chrono>
#include <string>

#include "gateway/admin/field_places.h"
#include "namespaces/needs.h"
#include "namespaces/shadow_config.h"
#include "namespaces/yaml_value.h"
#include "prism/admin/v1/namespaces.pb.h"

namespace prism::gateway {

void ToProto(const namespaces::Needs& needs, admin::v1::Needs& message);
void ToProto(const namespaces::ShadowConfig& shadow, admin::v1::Shadow& message);

// What is set in a message of single values, as a file would say it: enums by their names in small
// letters (those that this program does not know by their numbers), durations as text.
namespaces::YamlValue BlockToYaml(const google::protobuf::Message& message, const std::string& path,
                                  FieldPlaces& places);

// What is finer than a millisecond rounds up, as in files.
std::string DurationText(const google::protobuf::Duration& duration);
void SetDuration(std::chrono::milliseconds time, google::protobuf::Duration& duration);

}  // namespace prism::gateway
