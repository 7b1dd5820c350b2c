// Secrets live outside of Prism; configuration refers to them. Nothing here is called on a shard
// (files are read), and what it returns is never logged, stored or shown.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::security {

// The largest file that is read as a secret.
inline constexpr std::size_t kMaxSecretBytes = 64 * 1024;

// The text with every ${env:NAME} and ${file:PATH} replaced by what it names; one line end at the
// end of a file does not count. FAILED_PRECONDITION/SECRET_UNAVAILABLE, with the reference but
// never its content, when a variable is not set or a file can't be read; INVALID_ARGUMENT/
// BAD_SECRET_REFERENCE when the text is malformed. Blocking.
Result<std::string> ResolveSecrets(std::string_view text);

}  // namespace prism::security
