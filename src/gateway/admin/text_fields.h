// Fields of messages from text, as paths and queries have them. Pure.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>

#include "base/status.h"

namespace prism::gateway {

// Whether text can say the field: scalars, lists of them, times, durations, field masks, and the
// messages that wrap one scalar; no maps and no other messages.
bool IsTextField(const google::protobuf::FieldDescriptor& field);

// Sets the field, or appends to it when it is repeated, in the proto3 JSON form without its quotes:
// decimal numbers, true and false, names of enum values, base64, "2026-11-21T08:00:00Z",
// "displayName,tags". Durations may also have units: "1m30s". `text` is UTF-8. What has been set is
// replaced. INVALID_ARGUMENT/PARAMETER_INVALID about `name`, which does not repeat the text.
Status SetFromText(const google::protobuf::FieldDescriptor& field, const std::string& text,
                   const std::string& name, google::protobuf::Message& message);

}  // namespace prism::gateway
