#include "branching/containers/engine_client.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "rpc/client/client_connection.h"

namespace prism::branching {
namespace {

namespace http = boost::beast::http;
using Outcome = rpc::ClientConnection::Outcome;

constexpr std::uint64_t kMaxBody = std::uint64_t{16} << 20;

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

// Bytes of the reply as they come.
class Reply {
 public:
  Reply() {
    parser_.eager(true);
    parser_.body_limit(kMaxBody);
  }

  bool done() const { return parser_.is_done(); }
  // Takes what it can from the front; what is wrong with it, or nothing.
  std::optional<std::string> Take(std::string& bytes) {
    boost::beast::error_code error;
    const std::size_t used =
        parser_.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    bytes.erase(0, used);
    if (!error || error == http::error::need_more) return std::nullopt;
    return error.message();
  }
  std::optional<std::string> End() {
    boost::beast::error_code error;
    if (parser_.got_some()) parser_.put_eof(error);
    if (!error && done()) return std::nullopt;
    return "it ended in the middle of a reply";
  }
  EngineReply Release() {
    const int status = static_cast<int>(parser_.get().result_int());
    return {.status = status, .body = std::move(parser_.get().body())};
  }

 private:
  http::response_parser<http::string_body> parser_;
};

}  // namespace

Result<EngineReply> EngineClient::Call(std::string_view method, std::string_view target,
                                       std::string_view body, MonoNanos patience) const {
  const MonoNanos deadline = MonotonicNow() + patience;
  TRY_ASSIGN(const rpc::ClientTarget address, rpc::ClientTarget::Parse("unix:" + socket_));
  const auto connection = rpc::ClientConnection::Open(address, std::nullopt, "http/1.1", deadline);
  if (!connection) return std::unexpected(NoConnection(socket_));
  std::string out = Request(method, target, body);
  std::string in;
  Reply reply;
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
