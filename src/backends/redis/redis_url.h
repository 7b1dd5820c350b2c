// The connection of a redis backend as people write it.
#pragma once

#include <string_view>

#include "backends/redis/redis_options.h"
#include "base/status.h"

namespace prism::backends {

// What stands in a connection string. Credentials that stand beside it in the configuration go
// before those in it.
struct RedisUrl {
  RedisOptions options;
  RedisCredentials credentials;
  int max_connections = 0;  // 0: one for each shard
};

// "redis://[user[:password]@]host[:port][/database][?option=value&...]", "rediss://..." for TLS,
// "unix:/path[?database=2]". The port is 6379 and the database 0 by default; parts are
// percent-decoded. Options: database, client_name, connect_timeout, silence_timeout (durations),
// max_connections, max_in_flight, and with rediss ca_file, cert_file, key_file, server_name.
// INVALID_ARGUMENT/BAD_REDIS_URL, which says what is wrong and never repeats user or password.
Result<RedisUrl> ParseRedisUrl(std::string_view text);

}  // namespace prism::backends
