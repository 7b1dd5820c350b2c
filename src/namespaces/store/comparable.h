// What a namespace declares as values that filters and people compare: in the store's columns and
// in memory the same.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "filter/record.h"
#include "filter/schema.h"
#include "namespaces/needs.h"
#include "namespaces/shadow_config.h"

namespace prism::namespaces {

// JSON objects: sizes in bytes, times in milliseconds. Nothing for what declares nothing.
std::optional<std::string> NeedsColumn(const Needs& needs);
std::optional<std::string> ShadowColumn(const std::optional<ShadowConfig>& shadow);

// Their fields, "needs.read_rps" and "shadow.backend", in the order of NeedsColumn; needs also by
// their keys alone, unless that is one of `taken`.
std::vector<filter::Field> ComparableFields(const std::vector<filter::Field>& taken);
// The value of the field at `index` of ComparableFields; nothing when it is not declared.
filter::Value Comparable(const Needs& needs, const std::optional<ShadowConfig>& shadow,
                         std::size_t index);

}  // namespace prism::namespaces
