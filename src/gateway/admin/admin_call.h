// What every service of the admin API needs of a call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "contract/call_context.h"
#include "gateway/admin/config_control.h"
#include "gateway/admin/on_pool.h"
#include "models/page_token.h"
#include "security/caller_rights.h"

namespace google::protobuf {
class Duration;
}

namespace prism::gateway {

// Of the caller; every call of the admin port has them.
const security::CallerRights& RightsOf(const contract::CallContext& ctx);

// INVALID_ARGUMENT/REASON_TOO_LONG, BAD_VALUE: it has control characters.
Status CheckReason(std::string_view reason);

// Who makes a change, and why. The reason is checked already.
ConfigControl::Options ChangeOptions(const contract::CallContext& ctx, std::string_view reason,
                                     bool dry_run);

// Until when a call with `index` waits: `wait` from now, by default 5 minutes, at most 10.
// INVALID_ARGUMENT/BAD_WAIT.
Result<MonoNanos> WaitEnd(bool has_wait, const google::protobuf::Duration& wait,
                          std::int64_t default_seconds);

// Where lists go on, bound to their query. Thread rule: immutable. Tokens live as long as the
// process.
class PageTokens {
 public:
  // Empty for an empty token. INVALID_ARGUMENT/PAGE_TOKEN_MISMATCH.
  Result<std::string> Read(std::string_view method, std::string_view query,
                           std::string_view token) const;
  // The same of a number; 0 for an empty token.
  Result<std::int64_t> ReadNumber(std::string_view method, std::string_view query,
                                  std::string_view token) const;
  std::string Make(std::string_view method, std::string_view query,
                   std::string_view position) const;

 private:
  const models::TokenKey key_ = models::TokenKey::Random();
};

}  // namespace prism::gateway
