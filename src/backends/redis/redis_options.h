// How a Redis server is reached and what its connections may hold.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "backends/redis/pipeline.h"
#include "base/clock.h"
#include "base/status.h"
#include "rpc/client/client_target.h"

namespace prism::backends {

struct RedisOptions {
  rpc::ClientTarget target;
  std::optional<rpc::ClientTlsOptions> tls = {};  // unset: in clear
  int database = 0;
  std::string client_name = "prism";  // as CLIENT LIST shows it
  // From the lookup of the name to the end of the login.
  MonoNanos connect_timeout = 2 * kNanosPerSecond;
  // A connection on which requests wait and nothing comes for so long is given up.
  MonoNanos silence_timeout = 10 * kNanosPerSecond;
  PipelineLimits limits = {};
};

// Without a password there is no AUTH; without a user it is that of "default".
struct RedisCredentials {
  std::string username;
  std::string password;

  bool operator==(const RedisCredentials&) const = default;
};

// Where the credentials of today are: asked before the first login and after each refused one. May
// block; called on threads of the pool, of several connections at once.
using RedisCredentialSource = std::function<Result<RedisCredentials>()>;

}  // namespace prism::backends
