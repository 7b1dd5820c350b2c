#include "gateway/call_log.h"

#include <string_view>
#include <vector>

namespace prism::gateway {

namespace {

using telemetry::LogLevel;

// The fields of one line; nothing of them is copied.
class Fields {
 public:
  explicit Fields(std::string_view method) { Add("method", method); }

  template <class T>
  void Add(std::string_view key, const T& value) {
    fields_.emplace_back(key, value);
  }
  void AddText(std::string_view key, std::string_view value) {
    if (!value.empty()) Add(key, value);
  }
  void AddCall(rpc::ServerCall& call) {
    const contract::CallContext& ctx = call.context();
    AddText("namespace", ctx.ns);
    Add("protocol", rpc::ProtocolName(call.protocol()));
    Add("peer", call.peer());
    Add("request_id", ctx.request_id.text());
    if (!ctx.trace.active()) return;
    Add("trace_id", ctx.trace.trace_id());
    Add("span_id", ctx.trace.span_id());
  }
  void AddLeftOut(std::uint64_t lines) {
    if (lines != 0) Add("left_out", lines);
  }
  const std::vector<telemetry::LogField>& all() const { return fields_; }

 private:
  std::vector<telemetry::LogField> fields_;
};

bool IsOurs(Code code) {
  return code == Code::kInternal || code == Code::kDataLoss || code == Code::kUnknown;
}

}  // namespace

void CallLog::Failed(const contract::MethodInfo& method, rpc::ServerCall& call, const Error& error,
                     MonoNanos now) {
  if (!IsOurs(error.code())) return Refused(&method, call, error);
  const auto left_out = failed_.Take(now);
  if (!left_out || !log_.Enabled(LogLevel::kError)) return;
  Fields fields(method.label);
  fields.AddCall(call);
  fields.Add("code", CodeName(error.code()));
  fields.Add("reason", error.reason());
  fields.Add("message", error.message());
  fields.AddLeftOut(*left_out);
  log_.Log(LogLevel::kError, "call failed", fields.all());
}

void CallLog::Refused(const contract::MethodInfo* method, rpc::ServerCall& call,
                      const Error& error) {
  if (!log_.Enabled(LogLevel::kDebug)) return;
  Fields fields(method != nullptr ? method->label : "unknown");
  fields.AddCall(call);
  fields.Add("code", CodeName(error.code()));
  fields.Add("reason", error.reason());
  log_.Log(LogLevel::kDebug, "call refused", fields.all());
}

void CallLog::Slow(const SlowRequest& request, rpc::ServerCall& call, MonoNanos now) {
  const auto left_out = slow_.Take(now);
  if (!left_out || !log_.Enabled(LogLevel::kWarn)) return;
  Fields fields(request.method);
  fields.AddCall(call);
  fields.Add("duration_ms", static_cast<double>(request.duration) / kNanosPerMilli);
  fields.Add("code", CodeName(request.code));
  fields.AddText("reason", request.reason);
  fields.Add("bytes_in", request.bytes_in);
  fields.Add("bytes_out", request.bytes_out);
  fields.AddLeftOut(*left_out);
  log_.Log(LogLevel::kWarn, "slow request", fields.all());
}

}  // namespace prism::gateway
