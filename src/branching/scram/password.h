// A password as the bytes that SCRAM hashes.
#pragma once

#include <string>
#include <string_view>

namespace prism::branching {

// SASLprep (RFC 4013) as PostgreSQL does it, since both sides of a login must agree on each byte: a
// password of ASCII stays as it is, control characters included; what is prohibited is looked for
// before the normalisation, not after it; and a password that is not UTF-8, has prohibited or
// unassigned characters or would be empty stays as it is, too. Pure.
std::string PreparePassword(std::string_view password);

}  // namespace prism::branching
