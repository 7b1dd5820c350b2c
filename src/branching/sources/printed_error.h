// What programs of PostgreSQL print when they fail.
#pragma once

#include <string>
#include <string_view>

namespace prism::branching {

// The first error, with the line of the script, without what may be values of the data: what
// follows a colon in quotes. At most some 400 bytes of one line.
std::string FirstPrintedError(std::string_view printed);

}  // namespace prism::branching
