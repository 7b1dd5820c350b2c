// How two configurations differ, setting by setting.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <cstddef>
#include <cstdint>

#include "namespaces/snapshot.h"
#include "prism/admin/v1/config.pb.h"

namespace prism::gateway {

inline constexpr std::size_t kMaxDifferences = 1000;

// Backends first, by name each. Adds at most kMaxDifferences; answers how many there are. Nothing
// of the server's options.
std::int64_t AddDifferences(
    const namespaces::Snapshot& from, const namespaces::Snapshot& to,
    google::protobuf::RepeatedPtrField<admin::v1::ConfigDifference>& differences);

}  // namespace prism::gateway
