// Which settings of a record an update takes over.
#pragma once

#include <google/protobuf/field_mask.pb.h>

#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace google::protobuf {
class Message;
}

namespace prism::gateway {

// In records of the admin API the fields from this number on are set by the server alone.
inline constexpr int kFirstOutputOnly = 30;

// Makes `into` have what `from` has of the fields that the mask names; those that are not set there
// get their default. An empty mask names the settings that are set in `from`, "*" all of them.
// Answers the names of the fields. INVALID_ARGUMENT/FIELD_UNKNOWN with the nearest that is known;
// FIELD_READ_ONLY.
Result<std::set<std::string>> ApplyMask(const google::protobuf::FieldMask& mask,
                                        const google::protobuf::Message& from,
                                        google::protobuf::Message& into);

// INVALID_ARGUMENT/FIELD_UNKNOWN: `what` has no field of that name.
Error UnknownField(std::string field, std::string_view name, std::string_view what,
                   std::span<const std::string> known);

}  // namespace prism::gateway
