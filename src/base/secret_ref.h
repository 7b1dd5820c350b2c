// The spelling of secret references in configuration: ${env:NAME} and ${file:PATH}. Only the text:
// security/ reads what they name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace prism::base {

struct SecretRef {
  enum class Source { kEnv, kFile };
  Source source;
  std::string name;   // of the variable, or the path
  std::size_t begin;  // of "${" in the text
  std::size_t end;    // behind "}"
};

// All references in the text, in order. INVALID_ARGUMENT/BAD_SECRET_REFERENCE for a "${" without an
// end, another source than env and file, or an empty name.
Result<std::vector<SecretRef>> FindSecretRefs(std::string_view text);

// Whether the text is one reference and nothing else.
bool IsSecretRef(std::string_view text);

}  // namespace prism::base
