// Who makes a call: from the wire to a security::Caller.
#pragma once

#include "base/clock.h"
#include "base/status.h"
#include "rpc/server.h"
#include "security/guard.h"

namespace prism::gateway {

// Who shows what the call and its connection show, if it counts at this time. Valid while guard and
// connection are.
Result<security::Caller> Authenticate(const security::Guard& guard, rpc::ServerCall& call,
                                      WallMillis now);

// Asks the guard about what the call and its connection show, and names the principal in the
// context, which needs its `now`. The caller is valid while guard and connection are. The errors
// are those of Authenticator; the answer then says what could be shown (RFC 6750 section 3).
Result<security::Caller> Identify(const security::Guard& guard, rpc::ServerCall& call);

}  // namespace prism::gateway
