// How the module refuses: INVALID_ARGUMENT with one reason for each cause, and where it is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::filter {

// The text is no filter: "expected" says what would have been one.
inline constexpr std::string_view kMalformed = "FILTER_MALFORMED";
// AND and OR side by side.
inline constexpr std::string_view kAmbiguous = "FILTER_AMBIGUOUS";
// Above a limit of `Limits`.
inline constexpr std::string_view kTooComplex = "FILTER_TOO_COMPLEX";
// No such field; the metadata "known_fields" lists those that there are.
inline constexpr std::string_view kFieldUnknown = "FILTER_FIELD_UNKNOWN";
// A value alone, where no field is searched for values.
inline constexpr std::string_view kFieldMissing = "FILTER_FIELD_MISSING";
inline constexpr std::string_view kFunctionUnknown = "FILTER_FUNCTION_UNKNOWN";
// A function with more or fewer arguments than it takes.
inline constexpr std::string_view kArgumentsWrong = "FILTER_ARGUMENTS_WRONG";
// The value is not of the field's type.
inline constexpr std::string_view kTypeMismatch = "FILTER_TYPE_MISMATCH";
// The field's type has no such comparison.
inline constexpr std::string_view kOperatorUnsupported = "FILTER_OPERATOR_UNSUPPORTED";
// A wildcard elsewhere than at the ends of a value, or where values are ordered.
inline constexpr std::string_view kWildcardMisplaced = "FILTER_WILDCARD_MISPLACED";
// Asked for as SQL, and one of the fields has no column.
inline constexpr std::string_view kFieldNotStored = "FILTER_FIELD_NOT_STORED";

// "filter, column 12: <what>", with the metadata "column" and a violation of the field "filter".
// `column` counts characters from 1.
Error Refusal(std::string_view reason, std::size_t column, std::string_view what);

// kMalformed, with the metadata "expected". `found` is the rest of the text; it is quoted in part.
Error Malformed(std::size_t column, std::string_view expected, std::string_view found);

// At most 40 bytes of a text of the client, in quotes, for messages.
std::string Quote(std::string_view text);

}  // namespace prism::filter
