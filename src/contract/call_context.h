// CallContext: everything that one call owns and that outlives its coroutines.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "contract/durability.h"
#include "runtime/cancel.h"
#include "telemetry/request_id.h"
#include "telemetry/trace_context.h"

namespace google::protobuf {
class Arena;
}

// By name only: security/ stands above this layer. Who reads it includes it, and nobody else does.
namespace prism::security {
class CallerRights;
}

namespace prism::contract {

// Made by rpc/ when a call arrives, filled by gateway/, read by patterns and backends. Lives until
// the call's task has completed, whatever becomes of the client. Shard thread only.
class CallContext {
 public:
  explicit CallContext(google::protobuf::Arena& arena) : arena_(arena) {}
  CallContext(const CallContext&) = delete;
  CallContext& operator=(const CallContext&) = delete;

  // Owns request and response of this call.
  google::protobuf::Arena& arena() { return arena_; }
  // Fires when the client has gone, the deadline has passed, or the server stops.
  runtime::CancelSource& cancel() { return cancel_; }

  // Absolute; 0: none yet (the gateway sets the namespace's default).
  MonoNanos deadline = 0;
  // When the call's first bytes were read.
  MonoNanos arrival = 0;
  // Wall time of the call, the `now` of every store operation in it.
  WallMillis now = 0;
  // Valid for the life of the call.
  std::string_view ns;         // namespace
  std::string_view principal;  // who calls; "anonymous" without authentication
  // What the caller may, where methods judge it themselves: on the admin port. nullptr on the data
  // port, where the gateway has judged before the method runs.
  const security::CallerRights* rights = nullptr;
  // What the call is named in logs and errors; whatever it calls in turn gets both along.
  telemetry::RequestId request_id;  // x-request-id, as given or made
  telemetry::TraceContext trace;    // traceparent and tracestate; not active when not given

  // What the client demands (prism-min-durability); checked before anything is executed.
  std::optional<Durability> min_durability;
  // What the write got; set by the backend, sent as prism-durability.
  std::optional<Durability> durability;

 private:
  google::protobuf::Arena& arena_;
  runtime::CancelSource cancel_;
};

}  // namespace prism::contract
