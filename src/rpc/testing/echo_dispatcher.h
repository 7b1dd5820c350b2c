// For tests and fuzzing: a dispatcher with one method for each thing that a call can do. Messages
// are google.protobuf.BytesValue.
#pragma once

#include <coroutine>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "rpc/server.h"
#include "runtime/cancel.h"

namespace prism::rpc::testing {

// Thread rule: one shard.
class EchoDispatcher final : public Dispatcher {
 public:
  static constexpr std::string_view kUnary = "/test.Echo/Unary";  // the same message
  static constexpr std::string_view kLook = "/test.Echo/Look";    // the same, without side effects
  static constexpr std::string_view kFail = "/test.Echo/Fail";    // an error with everything
  static constexpr std::string_view kTell = "/test.Echo/Tell";  // headers, trailers, foreign errors
  static constexpr std::string_view kHold = "/test.Echo/Hold";  // until Release or cancelled
  static constexpr std::string_view kDeaf = "/test.Echo/Deaf";  // until Release, whatever comes
  static constexpr std::string_view kSilent = "/test.Echo/Silent";    // ends without an answer
  static constexpr std::string_view kRepeat = "/test.Echo/Repeat";    // `repeats` times the message
  static constexpr std::string_view kCollect = "/test.Echo/Collect";  // total size, at the end
  static constexpr std::string_view kChat = "/test.Echo/Chat";        // each message comes back

  const contract::MethodInfo* Find(std::string_view path) override;
  // `route` for all that is below "/v1/".
  const ResourceRoute* FindRoute(std::string_view target) override {
    return target.starts_with("/v1/") ? route : nullptr;
  }
  runtime::Task<void> Serve(ServerCall& call) override;

  void OnRefused(const contract::MethodInfo* method, ServerCall& call, const Error& error) override;

  // Lets everything go on that is held.
  void Release();
  // Cancels the call that began last, which must not have ended.
  void CancelLast(runtime::CancelReason reason) { last_call_->context().cancel().Cancel(reason); }

  int repeats = 3;
  const ResourceRoute* route = nullptr;
  // What was seen.
  int started = 0;
  int finished = 0;
  int written = 0;  // by Repeat
  int read = 0;     // by Collect
  std::vector<runtime::CancelReason> cancelled;
  std::string last_header;  // "x-test" of the last call
  std::string last_request_id;
  std::string last_traceparent;  // as the call would pass it on; empty: no trace
  std::string last_tracestate;
  std::vector<std::string> refused;  // "path REASON protocol" of what did not come to Serve
  bool hold_reads = false;           // Collect waits for Release before it reads

 private:
  class Gate;

  static void Tell(ServerCall& call);
  runtime::Task<void> Unary(ServerCall& call);
  runtime::Task<void> Hold(ServerCall& call, bool deaf);
  runtime::Task<void> Repeat(ServerCall& call);
  runtime::Task<void> Collect(ServerCall& call);
  runtime::Task<void> Chat(ServerCall& call);

  std::vector<Gate*> gates_;
  ServerCall* last_call_ = nullptr;
};

}  // namespace prism::rpc::testing
