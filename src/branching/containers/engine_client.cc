#include "branching/containers/engine_client.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "rpc/client/client_connection.h"

namespace prism::branching {
namespace {

using Outcome = rpc::ClientConnection::Outcome;

Error Unreachable(const std::string& socket, std::string_view why) {
  return Error(Code::kUnavailable, "DOCKER_UNREACHABLE",
               fmt::format("Docker's engine does not answer at {}: {}; start it (systemctl start "
                           "docker), or name its socket (branching.docker_socket)",
                           socket, why))
      .With("socket", socket);
}

// Why no connection could be made. Asked afterwards, since the connection itself does not say.
Error NoConnection(const std::string& socket) {
  if (::access(socket.c_str(), R_OK | W_OK) == 0) return Unreachable(socket, "nobody listens");
  if (errno != EACCES) return Unreachable(socket, "there is no such socket");
  return Error(Code::kPermissionDenied, "DOCKER_PERMISSION",
               fmt::format("this user may not use Docker's socket {}: run prism as root, or make "
                           "its user a member of the group that has the socket (usually docker)",
                           socket))
      .With("socket", socket);
}

Error NoProtocol(const std::string& socket, std::string_view why) {
  return Error(Code::kInternal, "DOCKER_PROTOCOL",
               fmt::format("what listens at {} does not answer as Docker's engine does: {}", socket,
                           why))
      .With("socket", socket);
}

std::string Request(std::string_view method, std::string_view target, std::string_view body) {
  return fmt::format(
      "{} {} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      method, target, body.size(), body);
}

}  // namespace

Result<EngineReply> EngineClient::Call(std::string_view method, std::string_view target,
                                       std::string_view body, MonoNanos patience) const {
  const MonoNanos deadline = MonotonicNow() + patience;
  TRY_ASSIGN(const rpc::ClientTarget address, rpc::ClientTarget::Parse("unix:" + socket_));
  const auto connection = rpc::ClientConnection::Open(address, std::nullopt, "http/1.1", deadline);
  if (!connection) return std::unexpected(NoConnection(socket_));
  std::string out = Request(method, target, body);
  std::string in;
  EngineReplyReader reply;
  while (!reply.done()) {
    const Result<Outcome> moved = (*connection)->Exchange(out, in, deadline, /*more=*/false);
    if (!moved) return std::unexpected(Unreachable(socket_, moved.error().message()));
    if (*moved == Outcome::kTimeout) {
      return std::unexpected(Unreachable(
          socket_, fmt::format("{} {} took longer than {} s", method,
                               target.substr(0, target.find('?')), patience / kNanosPerSecond)));
    }
    std::optional<std::string> wrong = reply.Take(in);
    if (!wrong && *moved == Outcome::kClosed && !reply.done()) wrong = reply.End();
    if (wrong) return std::unexpected(NoProtocol(socket_, *wrong));
  }
  return reply.Release();
}

}  // namespace prism::branching
