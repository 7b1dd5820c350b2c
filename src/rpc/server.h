// What rpc/ asks of the layer above, and what it offers it: calls, whatever protocol carried them.
#pragma once

#include <google/protobuf/message.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "contract/call_context.h"
#include "contract/method.h"
#include "contract/stream.h"
#include "rpc/header_list.h"
#include "rpc/resource_route.h"
#include "runtime/task.h"

namespace google::rpc {
class Status;
}

namespace prism::rpc {

// How a request speaks: kHttp is a resource route, or what is no call at all.
enum class Protocol : std::uint8_t { kGrpc, kGrpcWeb, kConnect, kHttp };
inline constexpr std::array<std::string_view, 4> kProtocolNames = {"grpc", "grpc-web", "connect",
                                                                   "http"};
constexpr std::string_view ProtocolName(Protocol protocol) {
  return kProtocolNames[static_cast<std::size_t>(protocol)];
}

// What a call is so far, for whoever keeps accounts.
struct CallAccount {
  std::uint64_t bytes_in = 0;      // of the body, as the connection carried it
  std::uint64_t bytes_out = 0;     // the same of the response, sent or waiting to be
  MonoNanos first_message_at = 0;  // of a stream: when its first answer was ready; 0: not yet
};

// One call, alive until the task of Dispatcher::Serve has completed, even when the client has gone
// (then context().cancel() has fired and what is written is dropped). Shard thread only.
class ServerCall : public contract::MessageSink, public contract::MessageSource {
 public:
  virtual const contract::MethodInfo& method() const = 0;
  virtual contract::CallContext& context() = 0;
  // Request header by lower-case name; empty when absent. Valid for the life of the call.
  virtual std::string_view Header(std::string_view name) const = 0;
  // All of them in the order in which they came, with ":path" and ":authority"; a name may be there
  // several times. Values of "-bin" headers are base64 still.
  virtual const HeaderList& AllHeaders() const = 0;
  // Address of the peer, "127.0.0.1:4711" or "unix:".
  virtual std::string_view peer() const = 0;
  // What the connection, while it lasts, proves of its peer: "spiffe://..." or "x509:SUBJECT"
  // (RFC 4514) of a certificate that was verified, "unix:UID" by the kernel's word; empty: nothing.
  virtual std::string_view peer_identity() const = 0;
  virtual Protocol protocol() const = 0;
  virtual CallAccount account() const = 0;

  // The only request message of unary and server-streaming calls: complete, decompressed, within
  // limits.
  virtual std::string_view request_bytes() const = 0;

  // Ends the call with DEADLINE_EXCEEDED at this time, unless the client's own deadline comes
  // first; context().deadline becomes the earlier of the two.
  virtual void SetDeadline(MonoNanos when) = 0;

  // Adds a response header; only before the first Write/Respond/Fail.
  virtual void AddHeader(std::string_view name, std::string_view value) = 0;
  // Adds metadata that follows the last message, as the protocol carries it; until the call ends.
  // Lower-case names; values of "-bin" names must be base64.
  virtual void AddTrailer(std::string_view name, std::string_view value) = 0;

  // Ends the call; exactly one of these, once. The answer names the request (x-request-id) when its
  // client did, and always when it fails.
  virtual void Respond(
      const google::protobuf::Message& response) = 0;  // unary and client streams: OK
  virtual void Finish() = 0;                           // server and bidi streams: OK
  virtual void Fail(const Error& error) = 0;
  // As it is, with whatever details it has: for errors that come from elsewhere.
  virtual void FailWith(const google::rpc::Status& status) = 0;
};

// Implemented by gateway/. One object for all shards; called on the shard that owns the connection.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;
  // nullptr: rpc/ answers UNIMPLEMENTED/METHOD_NOT_FOUND. `path` is "/package.Service/Method".
  virtual const contract::MethodInfo* Find(std::string_view path) = 0;
  // The route that answers for this target (path and query); nullptr: NOT_FOUND/ROUTE_NOT_FOUND.
  // Which HTTP methods it takes is the route's business.
  virtual const ResourceRoute* FindRoute(std::string_view /*target*/) { return nullptr; }
  // How an error is told to clients: by default with all that is known of it.
  virtual google::rpc::Status StatusOf(const Error& error);
  // Runs the call to its end. Started when request_bytes() is complete (unary, server streams) or
  // at the headers (client and bidi streams).
  virtual runtime::Task<void> Serve(ServerCall& call) = 0;
  // A request has been answered with an error before it came to Serve: it is no call, is malformed,
  // too large, or late. `method`: nullptr when it is not known, and then call.method() must not be
  // asked. For the accounts only; may run inside the codec.
  virtual void OnRefused(const contract::MethodInfo* /*method*/, ServerCall& /*call*/,
                         const Error& /*error*/) {}
};

// Whoever sends or reads more slowly has given up, or means harm.
inline constexpr std::int64_t kSlowestBytesPerSecond = 4096;

// Finite defaults; all of them configurable.
struct ServerLimits {
  std::uint32_t max_connections = 10'000;
  std::uint32_t max_concurrent_streams = 1024;      // a connection
  std::uint32_t max_header_list_bytes = 16 * 1024;  // a request
  std::uint64_t max_message_bytes =
      (4u << 20) + 64 * 1024;  // decompressed; RESOURCE_EXHAUSTED/MESSAGE_TOO_LARGE
  // A connection whose peer does not read its answers: beyond it nothing is read from it either.
  std::uint64_t max_unsent_bytes = 1u << 20;
  // What all connections together may make the server hold: requests that are not complete, answers
  // that nobody has taken. Beyond it they go on one after the other, and those end that stand
  // still.
  std::uint64_t max_buffered_bytes = 16u << 20;
  // A connection that says nothing at all is closed after this time.
  MonoNanos handshake_timeout = 20 * kNanosPerSecond;
  // From the first byte of a request's head to its last; 408 over HTTP/1.1, else the connection
  // ends.
  MonoNanos header_timeout = 10 * kNanosPerSecond;
  // From a request's head to its end, with a second more for each kSlowestBytesPerSecond of it that
  // came. DEADLINE_EXCEEDED/REQUEST_TOO_SLOW; streams of requests have their deadline instead.
  MonoNanos body_timeout = 30 * kNanosPerSecond;
  // A complete answer must be taken within this time, with a second more for each
  // kSlowestBytesPerSecond of it; a peer that reads more slowly is let go.
  MonoNanos send_timeout = 60 * kNanosPerSecond;
  // A connection is drained at this age, give or take a tenth, so that clients spread over servers
  // and no connection outlives what it was opened under. 0: at no age.
  MonoNanos max_connection_age = 24 * 3600 * kNanosPerSecond;
  // How long calls may go on then.
  MonoNanos drain_timeout = 30 * kNanosPerSecond;
  // A connection without calls is drained after this time.
  MonoNanos idle_timeout = 3600 * kNanosPerSecond;
  // After this time without a byte a peer is asked for a sign of life (PING), and closed when none
  // comes within keepalive_timeout.
  MonoNanos keepalive_time = 60 * kNanosPerSecond;
  MonoNanos keepalive_timeout = 20 * kNanosPerSecond;
};

}  // namespace prism::rpc
