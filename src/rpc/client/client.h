// The gRPC client: calls on one connection, blocking, each with a deadline.
#pragma once

#include <google/protobuf/message.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "rpc/client/client_session.h"
#include "rpc/client/client_target.h"
#include "rpc/wire/grpc_frame.h"

namespace prism::rpc {

// A connection with its protocol state; shared by a channel and the streams it has open.
class ClientLink;

struct CallOptions {
  // From the start of the call to its end; also sent as grpc-timeout. Must be positive.
  std::chrono::milliseconds timeout{30'000};
  // Request headers, lower-case names; values of names that end in "-bin" are raw bytes.
  Headers metadata;
};

// What came beside the message.
struct Reply {
  Headers headers;
  Headers trailers;
  std::string_view Header(std::string_view name) const { return FindHeader(headers, name); }
};

// A call in progress, of any stream kind. Made by Channel::Start; cancelled by its destructor when
// it has not ended. May outlive its channel. Thread rule: the channel's thread.
class ClientStream {
 public:
  ClientStream(ClientStream&&) noexcept = default;
  ClientStream& operator=(ClientStream&&) = delete;
  ~ClientStream();

  // Sends a message; waits while more than 1 MiB of what was written has not left. When the server
  // has ended the call already, the message is dropped and Read tells why.
  Status Write(const google::protobuf::Message& message);
  // Says that no more messages follow.
  Status WritesDone();
  // Waits for the next message: true. False: the call ended with OK. Otherwise the call's error;
  // its reason is the server's, or one of SERVER_UNREACHABLE, CONNECTION_LOST, DEADLINE_EXCEEDED,
  // MALFORMED_RESPONSE ...
  Result<bool> Read(google::protobuf::Message& into);
  // Tells the server that nobody listens any more. Read answers CANCELLED from then on.
  void Cancel();

  // Complete when Read has returned the first time.
  const Headers& headers() const { return reply_.headers; }
  // Complete when Read has returned false or an error.
  const Headers& trailers() const { return reply_.trailers; }
  // True when the server has certainly not acted on the call, so that it may be sent again.
  bool untouched() const { return untouched_; }

 private:
  friend class Channel;
  ClientStream(std::shared_ptr<ClientLink> link, std::int32_t id, MonoNanos deadline,
               std::chrono::milliseconds timeout, std::uint64_t max_message);
  Status Pump();
  Error Fail(Error error);
  Result<bool> End(const Http2ClientSession::Stream& stream);
  Result<bool> NextMessage(google::protobuf::Message& into);
  Status TakeHeaders(const Http2ClientSession::Stream& stream);

  std::shared_ptr<ClientLink> link_;
  std::int32_t id_;
  MonoNanos deadline_;
  std::chrono::milliseconds timeout_;  // for the message when it has passed
  std::uint64_t max_message_bytes_;
  GrpcFrameReader reader_;
  bool gzip_ = false;  // grpc-encoding of the answer
  Reply reply_;
  bool has_headers_ = false;
  bool untouched_ = false;
  std::optional<Result<bool>> end_;  // how the call ended
};

// Connects at the first call, and again at the next call after the connection has ended. A call
// that the server refused unseen (it is draining) is sent once more on a new connection; nothing
// else is retried. Thread rule: one thread at a time; one channel per thread.
class Channel {
 public:
  explicit Channel(ChannelOptions options) : options_(std::move(options)) {}

  // Connects now, unless connected.
  Status Connect();
  // A unary call. `path` is "/package.Service/Method". `response` is cleared first.
  Result<Reply> Call(std::string_view path, const google::protobuf::Message& request,
                     google::protobuf::Message& response, const CallOptions& options = {});
  // A client-streaming call: `write` writes the requests, once more when the server has certainly
  // not acted on the first try.
  using Writer = std::function<Status(ClientStream&)>;
  Result<Reply> Send(std::string_view path, const Writer& write,
                     google::protobuf::Message& response, const CallOptions& options = {});
  // A server-streaming call: Read until false.
  Result<ClientStream> Stream(std::string_view path, const google::protobuf::Message& request,
                              const CallOptions& options = {});
  // A call of any kind; the caller writes.
  Result<ClientStream> Start(std::string_view path, const CallOptions& options = {});

  const ChannelOptions& options() const { return options_; }

 private:
  Status ConnectUntil(MonoNanos deadline);
  // The only message of the call that `begin` begins.
  static Result<Reply> Ask(const std::function<Result<ClientStream>()>& begin,
                           google::protobuf::Message& response);

  ChannelOptions options_;
  std::shared_ptr<ClientLink> link_;
};

}  // namespace prism::rpc
