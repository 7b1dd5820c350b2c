#include "backends/redis/redis_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <string>

namespace prism::backends {
namespace {

struct Row {
  std::string_view begins;  // the text of the error; the first row that fits is the one
  Code code;
  std::string_view reason;
  std::string_view message;
  int retry_ms = 0;  // 0: asking again does not help
};

constexpr std::string_view kCluster = "BACKEND_CLUSTER_UNSUPPORTED";
constexpr std::string_view kClusterMessage =
    "the Redis server is part of a Redis Cluster, which is not supported: use a standalone server";
constexpr std::string_view kLoginMessage =
    "the Redis server refuses the login: check username and password of the backend";

// Sources: src/server.c (createSharedObjects), acl.c, cluster.c, script.c, networking.c and db.c of
// Redis 7.0. Longer beginnings stand before shorter ones.
constexpr std::array kRows = {
    Row{"NOAUTH", Code::kFailedPrecondition, kLoginRefused, kLoginMessage},
    Row{"WRONGPASS", Code::kFailedPrecondition, kLoginRefused, kLoginMessage},
    Row{"ERR AUTH ", Code::kFailedPrecondition, kLoginRefused,
        "the Redis server has no password, but the backend gives one: remove it, or set one there"},
    Row{"ERR invalid password", Code::kFailedPrecondition, kLoginRefused, kLoginMessage},
    Row{"DENIED", Code::kFailedPrecondition, kLoginRefused,
        "the Redis server is in protected mode and lets nobody in from other machines: set a "
        "password there and give it to the backend"},
    Row{"NOPERM", Code::kFailedPrecondition, "BACKEND_PERMISSION_DENIED",
        "the Redis user of the backend may not run this command, or not on this key: extend its "
        "ACL rules"},
    Row{"WRONGTYPE", Code::kFailedPrecondition, "FOREIGN_TYPE",
        "the key holds another type of Redis, such as a list or a hash, which something else has "
        "written: use another key or key_prefix, or remove it there"},
    Row{"LOADING", Code::kUnavailable, "BACKEND_LOADING",
        "the Redis server is loading its data: ask again in a moment", 500},
    Row{"BUSY ", Code::kUnavailable, "BACKEND_BUSY",
        "the Redis server runs a script that takes long: ask again, or end it with SCRIPT KILL",
        500},
    Row{"BUSY", Code::kFailedPrecondition, "BACKEND_ERROR",
        "the Redis server says that the key exists already"},  // BUSYKEY, BUSYGROUP
    Row{"UNKILLABLE", Code::kUnavailable, "BACKEND_BUSY",
        "the Redis server runs a script that takes long and has written: wait for its end", 500},
    Row{"OOM", Code::kResourceExhausted, "BACKEND_FULL",
        "the Redis server has no memory left (maxmemory): remove data, or raise its limit", 1000},
    Row{"READONLY", Code::kUnavailable, "BACKEND_READ_ONLY",
        "the Redis server is a replica and takes no writes: give the address of the primary", 1000},
    Row{"MISCONF", Code::kUnavailable, "BACKEND_NOT_PERSISTING",
        "the Redis server can't save to its disk and takes no writes: look into its log", 1000},
    Row{"NOREPLICAS", Code::kUnavailable, "BACKEND_REPLICAS_MISSING",
        "the Redis server has fewer replicas than it wants for writes (min-replicas-to-write)",
        1000},
    Row{"MASTERDOWN", Code::kUnavailable, "BACKEND_PRIMARY_DOWN",
        "the Redis server is a replica that has lost its primary", 1000},
    Row{"MOVED", Code::kFailedPrecondition, kCluster, kClusterMessage},
    Row{"ASK ", Code::kFailedPrecondition, kCluster, kClusterMessage},
    Row{"CLUSTERDOWN", Code::kFailedPrecondition, kCluster, kClusterMessage},
    Row{"CROSSSLOT", Code::kFailedPrecondition, kCluster, kClusterMessage},
    Row{"TRYAGAIN", Code::kFailedPrecondition, kCluster, kClusterMessage},
    Row{"ERR SELECT is not allowed in cluster", Code::kFailedPrecondition, kCluster,
        kClusterMessage},
    Row{"NOSCRIPT", Code::kInternal, kScriptMissing,
        "the Redis server does not have the script (any more): it is to be loaded again"},
    Row{"EXECABORT", Code::kInternal, "BACKEND_ERROR",
        "the Redis server did not begin the transaction, since a command in it is wrong"},
    Row{"NOPROTO", Code::kFailedPrecondition, "BACKEND_VERSION_UNSUPPORTED",
        "the server does not speak the version of the protocol that was asked for: use Redis 6 or "
        "newer"},
    Row{"NOTBUSY", Code::kFailedPrecondition, "BACKEND_ERROR", "the Redis server runs no script"},
    Row{"ERR max number of clients", Code::kUnavailable, "BACKEND_CONNECTIONS_EXHAUSTED",
        "the Redis server has as many connections as it may (maxclients): raise its limit, or "
        "lower max_connections here",
        500},
    Row{"ERR DB index is out of range", Code::kFailedPrecondition, "BACKEND_DATABASE_UNKNOWN",
        "the Redis server has no database of that number: check the connection, or \"databases\" "
        "in its configuration"},
    Row{"ERR invalid DB index", Code::kFailedPrecondition, "BACKEND_DATABASE_UNKNOWN",
        "the Redis server takes no such number of a database: check the connection"},
    Row{"ERR unknown command", Code::kFailedPrecondition, "BACKEND_VERSION_UNSUPPORTED",
        "the server does not know a command that is needed: it is older than Redis 6, is no Redis, "
        "or has the command renamed"},
    Row{"ERR value is not an integer", Code::kFailedPrecondition, "FOREIGN_VALUE",
        "the value is no integer of 64 bits"},
    Row{"ERR increment or decrement would overflow", Code::kOutOfRange, "COUNTER_OVERFLOW",
        "the sum does not fit into 64 bits"},
    Row{"ERR string exceeds maximum allowed size", Code::kResourceExhausted, "BACKEND_TOO_LARGE",
        "the value is larger than the Redis server takes (proto-max-bulk-len)"},
};

// "WRONGTYPE", "ERR": the kind of an error, of which all others are sentences with data in them.
std::string_view KindOf(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(' '));
  const bool plain = !word.empty() && word.size() <= 32 &&
                     std::ranges::all_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
  return plain ? word : std::string_view();
}

Error WithExecuted(Error error, Executed executed) {
  return std::move(error).With("executed", executed == Executed::kNo ? "no" : "maybe");
}

}  // namespace

Error RedisError(std::string_view text) {
  const auto* row =
      std::ranges::find_if(kRows, [text](const Row& one) { return text.starts_with(one.begins); });
  const std::string kind(KindOf(text));
  if (row == kRows.end()) {
    Error unknown(Code::kInternal, "BACKEND_ERROR",
                  "the Redis server refused a command for a reason that is not known here; its log "
                  "and ACL LOG may say more");
    return kind.empty() ? unknown : std::move(unknown).With("redis", kind);
  }
  Error error(row->code, row->reason, std::string(row->message));
  if (!kind.empty()) error = std::move(error).With("redis", kind);
  if (row->retry_ms == 0) return error;
  return std::move(error).WithRetryAfter(std::chrono::milliseconds(row->retry_ms));
}

bool IsLoginRefused(const Error& error) { return error.reason() == kLoginRefused; }

Error BackendUnavailable(const Error& cause, Executed executed) {
  // What only a change of the configuration can help is said as it is.
  if (cause.code() != Code::kUnavailable) return WithExecuted(cause, executed);
  const std::string_view left = executed == Executed::kNo
                                    ? "the request was not sent"
                                    : "the request had been sent and may have been executed";
  Error error(Code::kUnavailable, "BACKEND_UNAVAILABLE",
              fmt::format("{}; {}", cause.message(), left));
  return WithExecuted(std::move(error)
                          .With("cause", std::string(cause.reason()))
                          .WithRetryAfter(std::chrono::milliseconds(100)),
                      executed);
}

Error BackendDeadline(const Error* cause, Executed executed) {
  std::string message =
      executed == Executed::kNo
          ? "the deadline passed before the request could be sent to the Redis server"
          : "the deadline passed before the Redis server answered; the request may have been "
            "executed";
  if (cause != nullptr) message += fmt::format(" ({})", cause->message());
  return WithExecuted(Error(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED", std::move(message)),
                      executed);
}

Error BackendOverloaded(std::string_view what) {
  return WithExecuted(
      Error(Code::kResourceExhausted, "BACKEND_OVERLOADED",
            fmt::format("as many requests wait for the Redis server as may ({}): it is slower than "
                        "what is asked of it; ask again later",
                        what))
          .WithRetryAfter(std::chrono::milliseconds(100)),
      Executed::kNo);
}

Error ShuttingDown() {
  return Error(Code::kUnavailable, "SHUTTING_DOWN",
               "the connections to the Redis server are being closed: ask again");
}

}  // namespace prism::backends
