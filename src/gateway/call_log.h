// Lines of the log that are about one call: what failed, what was refused, what was slow.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/status.h"
#include "contract/method.h"
#include "gateway/slow_log.h"
#include "rpc/server.h"
#include "telemetry/line_limit.h"
#include "telemetry/log.h"

namespace prism::gateway {

// Each line names the request, and the trace when there is one. A kind of lines that clients can
// cause at will is limited, and says how many were left out. Thread rule: its shard.
class CallLog {
 public:
  explicit CallLog(telemetry::Logger& log) : log_(log) {}

  // The call was served and ended with this error: an error of the log when the fault is ours, else
  // for debugging, and then without the message, which may quote the request.
  void Failed(const contract::MethodInfo& method, rpc::ServerCall& call, const Error& error,
              MonoNanos now);
  // The request was answered before it was served. `method`: nullptr when not known.
  void Refused(const contract::MethodInfo* method, rpc::ServerCall& call, const Error& error);
  void Slow(const SlowRequest& request, rpc::ServerCall& call, MonoNanos now);

 private:
  telemetry::Logger& log_;
  telemetry::LineLimit failed_;
  telemetry::LineLimit slow_;
};

}  // namespace prism::gateway
