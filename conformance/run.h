// The surroundings of one case: a connection, a namespace, keys of its own, and words for what must
// hold.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "conformance/rpc_table.h"
#include "rpc/client/client.h"

namespace prism::conformance {

// Which gateway and namespace are tested.
struct Target {
  rpc::ChannelOptions channel;
  std::string ns;
  std::chrono::milliseconds timeout{30'000};  // of each call
};

// Made by the runner for each case. Used by one thread; Parallel gives every thread its own.
class Run {
 public:
  // `prefix` starts every key of the case.
  Run(const Target& target, std::string prefix);

  const std::string& ns() const { return target_.ns; }
  const std::string& prefix() const { return prefix_; }
  std::string Key(std::string_view name) const { return prefix_ + std::string(name); }
  const Target& target() const { return target_; }
  rpc::Channel& channel() { return channel_; }

  // Calls the method that takes this request; an empty namespace field is filled in. `reply`, when
  // given, receives headers and trailers.
  template <class Request>
  Result<typename RpcOf<Request>::Response> Call(Request request, const rpc::Headers& metadata = {},
                                                 rpc::Reply* reply = nullptr) {
    if (request.namespace_().empty()) request.set_namespace_(target_.ns);
    typename RpcOf<Request>::Response response;
    TRY_ASSIGN(rpc::Reply got,
               channel_.Call(RpcOf<Request>::kPath, request, response, Options(metadata)));
    if (reply != nullptr) *reply = std::move(got);
    return response;
  }

  // Calls a server-streaming method and hands each message to `take` until the end.
  template <class Request>
  Status Stream(Request request,
                const std::function<Status(const typename RpcOf<Request>::Response&)>& take) {
    if (request.namespace_().empty()) request.set_namespace_(target_.ns);
    TRY_ASSIGN(auto stream, channel_.Stream(RpcOf<Request>::kPath, request, Options({})));
    typename RpcOf<Request>::Response message;
    for (;;) {
      TRY_ASSIGN(const bool more, stream.Read(message));
      if (!more) return {};
      TRY(take(message));
    }
  }

  // Runs `work(run, index)` on `count` threads, each with a connection of its own; the first error
  // wins.
  Status Parallel(int count, const std::function<Status(Run&, int)>& work);

 private:
  rpc::CallOptions Options(const rpc::Headers& metadata) const {
    return {.timeout = target_.timeout, .metadata = metadata};
  }

  const Target& target_;
  std::string prefix_;
  rpc::Channel channel_;
};

// The answer of a case whose promise is broken.
template <class... Args>
std::unexpected<Error> Broken(fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error(Code::kFailedPrecondition, "PROMISE_BROKEN",
                               fmt::format(format, std::forward<Args>(args)...)));
}

// OK when `result` failed with exactly this code and reason.
template <class T>
Status MustFail(const Result<T>& result, Code code, std::string_view reason) {
  if (result) return Broken("succeeded, wanted {}/{}", CodeName(code), reason);
  const Error& error = result.error();
  if (error.reason() == "INTERFACE_NOT_BOUND" && reason != "INTERFACE_NOT_BOUND")
    return std::unexpected(error);
  if (error.code() != code || error.reason() != reason) {
    return Broken("wanted {}/{}, got {}", CodeName(code), reason, error.ToString());
  }
  return {};
}

}  // namespace prism::conformance

// MUST(condition, "format", ...): leaves the case with what was seen instead.
#define MUST(condition, ...)                                              \
  if (!(condition)) [[unlikely]] {                                        \
    return ::prism::conformance::Broken("[" #condition "] " __VA_ARGS__); \
  }
