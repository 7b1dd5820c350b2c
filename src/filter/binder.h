// From what a filter says to what it means for one schema.
#pragma once

#include "base/status.h"
#include "filter/condition.h"
#include "filter/expression.h"
#include "filter/schema.h"

namespace prism::filter {

// Resolves every field and turns every value into the type of its field. INVALID_ARGUMENT with
// kFieldUnknown, kFieldMissing, kFunctionUnknown, kArgumentsWrong, kTypeMismatch,
// kOperatorUnsupported or kWildcardMisplaced.
Result<BoundNode> Bind(const Expression& expression, const Schema& schema);

}  // namespace prism::filter
