// A look into a serialized request before anything is parsed.
#pragma once

#include <string_view>

#include "base/status.h"

namespace prism::contract {

// The namespace that a serialized request names in its field 1: the last occurrence counts, as in
// protobuf's own parser; empty when there is none. The view points into `message`.
//
// Walks the fields of the outermost message without looking into them and accepts exactly what
// protobuf accepts of them; anything else is INVALID_ARGUMENT/MALFORMED_MESSAGE, also a namespace
// that is not UTF-8. Allocates nothing but the error.
Result<std::string_view> PeekNamespace(std::string_view message);

}  // namespace prism::contract
