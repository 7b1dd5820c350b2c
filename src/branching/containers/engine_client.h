// Calls of Docker's Engine API over its unix socket: HTTP/1.1, one connection for each call.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "branching/containers/engine_reply.h"

namespace prism::branching {

// Any thread; every call blocks.
class EngineClient {
 public:
  explicit EngineClient(std::string socket) : socket_(std::move(socket)) {}

  const std::string& socket() const { return socket_; }
  // `target` is encoded already and names no version of the API, so that each engine answers in its
  // newest. `body` is JSON or empty. A reply of any status is a success here. Errors, each with
  // what to do:
  //   UNAVAILABLE/DOCKER_UNREACHABLE: nobody listens, or the answer did not come within `patience`
  //   PERMISSION_DENIED/DOCKER_PERMISSION: we may not use the socket
  //   INTERNAL/DOCKER_PROTOCOL: the answer is no HTTP, or larger than 16 MiB
  Result<EngineReply> Call(std::string_view method, std::string_view target, std::string_view body,
                           MonoNanos patience) const;

 private:
  std::string socket_;
};

}  // namespace prism::branching
