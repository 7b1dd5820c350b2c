// The I/O of client_http.h.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/units.h"
#include "rpc/client/client_connection.h"
#include "rpc/client/client_http.h"

namespace prism::rpc {

Result<HttpReply> HttpGet(const ChannelOptions& options, std::string_view path,
                          std::chrono::milliseconds timeout) {
  const MonoNanos deadline = MonotonicNow() + timeout.count() * kNanosPerMilli;
  const MonoNanos connect_by = MonotonicNow() + options.connect_timeout.count() * kNanosPerMilli;
  TRY_ASSIGN(const ClientTarget target, ClientTarget::Parse(options.target));
  TRY_ASSIGN(const auto connection, ClientConnection::Open(target, options.tls, "http/1.1",
                                                           std::min(deadline, connect_by)));
  std::string out =
      fmt::format("GET {} HTTP/1.1\r\nhost: {}\r\nuser-agent: {}\r\nconnection: close\r\n", path,
                  target.is_unix() ? "localhost" : options.target, options.user_agent);
  if (!options.token.empty()) out += fmt::format("authorization: Bearer {}\r\n", options.token);
  out += "\r\n";

  HttpResponseParser parser(options.max_message_bytes);
  while (true) {
    std::string in;
    TRY_ASSIGN(const ClientConnection::Outcome outcome,
               connection->Exchange(out, in, deadline, false));
    if (outcome == ClientConnection::Outcome::kTimeout || MonotonicNow() >= deadline) {
      return std::unexpected(
          Error(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                fmt::format("{} did not answer {} within {}: allow more time", options.target, path,
                            base::FormatDuration(timeout))));
    }
    TRY_ASSIGN(const bool done, parser.Feed(in, outcome == ClientConnection::Outcome::kClosed));
    if (done) return std::move(parser.reply());
  }
}

}  // namespace prism::rpc
