#include "cli/data_directory_audit.h"

#include <unistd.h>

#include <utility>

#include "security/authenticator.h"
#include "security/principal.h"

namespace prism::cli {

std::string WhoRuns() {
  const std::string peer = std::string(security::kUnixPrefix) + std::to_string(::geteuid());
  return std::string(security::UserNames::Read().Resolve(peer));
}

security::AuditEntry DeedOf(std::string_view action, std::string object, std::string after) {
  return {.principal = WhoRuns(),
          .proof = "data_directory",
          .token_id = {},
          .peer = {},
          .action = std::string(action),
          .object = std::move(object),
          .code = "OK",
          .reason = {},
          .before = {},
          .after = std::move(after),
          .request_id = {}};
}

}  // namespace prism::cli
