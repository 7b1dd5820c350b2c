#include "rpc/client/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/base64.h"
#include "base/units.h"
#include "rpc/client/client_connection.h"
#include "rpc/client/client_status.h"
#include "rpc/wire/grpc_metadata.h"
#include "rpc/wire/gzip.h"

namespace prism::rpc {
namespace {

// RFC 9113 section 7.
constexpr std::uint32_t kErrorCancel = 0x8;
constexpr std::uint32_t kErrorRefusedStream = 0x7;

// What may lie in our buffers beside the kernel's, a connection.
constexpr std::size_t kProduceBytes = 256 * 1024;
constexpr std::size_t kMaxUnsentBytes = 1u << 20;

// A request is one frame; protobuf bounds a message to 2 GiB.
Result<std::string> FrameMessage(const google::protobuf::Message& message) {
  const std::size_t size = message.ByteSizeLong();
  if (size > std::numeric_limits<std::int32_t>::max()) {
    return std::unexpected(MessageTooLarge(size, std::numeric_limits<std::int32_t>::max()));
  }
  std::string frame(kGrpcPrefixBytes, '\0');
  WriteGrpcPrefix(frame.data(), false, static_cast<std::uint32_t>(size));
  message.AppendPartialToString(&frame);
  return frame;
}

Error TooLate(std::chrono::milliseconds timeout) {
  return Error(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
               fmt::format("the call did not end within {}; whether it was carried out is unknown: "
                           "allow more time, or "
                           "ask for less at once",
                           base::FormatDuration(timeout)));
}

Error Cancelled() {
  return Error(Code::kCancelled, "CANCELLED", "the call was cancelled by this client");
}

Error LinkClosed(const std::string& target) {
  return Error(Code::kUnavailable, "CONNECTION_LOST",
               fmt::format("{} closed the connection: whether a call in flight was carried out is "
                           "unknown; check that "
                           "the server runs and try again",
                           target))
      .With("server", target);
}

Headers RequestHeaders(std::string_view path, const ChannelOptions& channel,
                       const CallOptions& call) {
  Headers headers = {
      {":method", "POST"},
      {":scheme", channel.tls ? "https" : "http"},
      {":path", std::string(path)},
      {":authority", channel.target.starts_with("unix:") ? "localhost" : channel.target},
      {"te", "trailers"},
      {"content-type", "application/grpc"},
      {"user-agent", channel.user_agent},
      {"grpc-accept-encoding", "gzip"},
      {"grpc-timeout", FormatGrpcTimeout(call.timeout.count() * kNanosPerMilli)},
  };
  if (!channel.token.empty()) headers.emplace_back("authorization", "Bearer " + channel.token);
  for (const auto& [name, value] : call.metadata) {
    headers.emplace_back(name, name.ends_with("-bin") ? base::Base64EncodeUnpadded(value) : value);
  }
  return headers;
}

}  // namespace

class ClientLink {
 public:
  ClientLink(std::unique_ptr<ClientConnection> connection, std::string target)
      : connection_(std::move(connection)), target_(std::move(target)) {}

  Http2ClientSession& session() { return session_; }
  bool usable() const { return !broken_ && session_.accepts_streams(); }

  // Sends what is due and takes what has arrived; waits for one of both. False at the deadline.
  Result<bool> Pump(MonoNanos deadline) {
    if (broken_) return std::unexpected(*broken_);
    Result<bool> pumped = PumpOnce(deadline);
    if (!pumped) broken_ = pumped.error();
    return pumped;
  }

  // Sends what is due without waiting for more.
  void Flush() {
    if (!broken_) static_cast<void>(Pump(0));  // a failure is kept and meets the next call
  }

 private:
  Result<bool> PumpOnce(MonoNanos deadline) {
    TRY(session_.Produce(out_, kProduceBytes));
    const bool more = out_.size() >= kProduceBytes;
    in_.clear();
    // Over, by a GOAWAY of either side: what is left to send may say why, waiting brings nothing.
    const bool over = !session_.alive();
    if (over) deadline = 0;
    Result<ClientConnection::Outcome> outcome = connection_->Exchange(out_, in_, deadline, more);
    // What came before a break counts: it may hold the end of the call.
    if (!in_.empty()) TRY(session_.Receive(in_));
    if (!outcome) return std::unexpected(outcome.error());
    if (over || *outcome == ClientConnection::Outcome::kClosed)
      return std::unexpected(LinkClosed(target_));
    return *outcome == ClientConnection::Outcome::kProgress;
  }

  std::unique_ptr<ClientConnection> connection_;
  std::string target_;
  Http2ClientSession session_;
  std::optional<Error> broken_;
  std::string out_;
  std::string in_;
};

ClientStream::ClientStream(std::shared_ptr<ClientLink> link, std::int32_t id, MonoNanos deadline,
                           std::chrono::milliseconds timeout, std::uint64_t max_message)
    : link_(std::move(link)),
      id_(id),
      deadline_(deadline),
      timeout_(timeout),
      max_message_bytes_(max_message),
      reader_(max_message) {}

ClientStream::~ClientStream() {
  if (!link_) return;  // moved from
  const Http2ClientSession::Stream* stream = link_->session().Find(id_);
  const bool open = stream != nullptr && !stream->closed;
  link_->session().Forget(id_);
  if (open) link_->Flush();
}

Error ClientStream::Fail(Error error) {
  end_.emplace(std::unexpected(error));
  link_->session().Reset(id_, kErrorCancel);
  link_->Flush();
  return error;
}

// One step of the connection, on behalf of this call.
Status ClientStream::Pump() {
  if (MonotonicNow() >= deadline_) return std::unexpected(Fail(TooLate(timeout_)));
  Result<bool> pumped = link_->Pump(deadline_);
  // The end of the call may have come with the end of the connection: it counts.
  if (!pumped && !link_->session().Find(id_)->closed) return std::unexpected(Fail(pumped.error()));
  return {};
}

Status ClientStream::Write(const google::protobuf::Message& message) {
  TRY_ASSIGN(const std::string frame, FrameMessage(message));
  Http2ClientSession& session = link_->session();
  session.Write(id_, frame);
  while (!end_ && session.unsent(id_) > kMaxUnsentBytes && !session.Find(id_)->closed) TRY(Pump());
  return {};
}

Status ClientStream::WritesDone() {
  link_->session().Finish(id_);
  return {};
}

Status ClientStream::TakeHeaders(const Http2ClientSession::Stream& stream) {
  if (has_headers_ || !stream.has_headers) return {};
  has_headers_ = true;
  reply_.headers = stream.headers;
  const std::string_view encoding = FindHeader(stream.headers, "grpc-encoding");
  gzip_ = encoding == "gzip";
  if (gzip_ || encoding.empty() || encoding == "identity") return {};
  return std::unexpected(Error(
      Code::kInternal, "ENCODING_UNSUPPORTED",
      fmt::format("the server compresses with \"{}\" although only gzip was offered", encoding)));
}

Result<bool> ClientStream::End(const Http2ClientSession::Stream& stream) {
  reply_.trailers = stream.trailers;
  untouched_ = stream.error_code == kErrorRefusedStream;
  Status status = EndOfCall(stream);
  if (status && reader_.buffered() != 0) {
    status =
        std::unexpected(Error(Code::kInternal, "MALFORMED_RESPONSE",
                              "the server's answer ends in the middle of a message; try again"));
  }
  end_.emplace(status ? Result<bool>(false) : std::unexpected(status.error()));
  return *end_;
}

// Parses the next message when it is complete.
Result<bool> ClientStream::NextMessage(google::protobuf::Message& into) {
  TRY_ASSIGN(const std::optional<GrpcFrameReader::Frame> frame, reader_.Next());
  if (!frame) return false;
  std::string plain;
  if (frame->compressed && !gzip_) {
    return std::unexpected(Error(Code::kInternal, "MALFORMED_RESPONSE",
                                 "the server sent a compressed message without naming how"));
  }
  if (frame->compressed) TRY(Gunzip(frame->bytes, max_message_bytes_, plain));
  const std::string_view bytes = frame->compressed ? std::string_view(plain) : frame->bytes;
  if (into.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return true;
  return std::unexpected(Error(
      Code::kInternal, "MALFORMED_RESPONSE",
      fmt::format("the server sent what is no {}: client and server may be of different versions",
                  into.GetTypeName())));
}

Result<bool> ClientStream::Read(google::protobuf::Message& into) {
  while (!end_) {
    const Http2ClientSession::Stream& stream = *link_->session().Find(id_);
    if (Status taken = TakeHeaders(stream); !taken) return std::unexpected(Fail(taken.error()));
    const bool closed = stream.closed;
    reader_.Append(link_->session().TakeBody(id_));
    Result<bool> message = NextMessage(into);
    if (!message) return std::unexpected(Fail(message.error()));
    if (*message) return true;
    if (closed) return End(stream);
    TRY(Pump());
  }
  return *end_;
}

void ClientStream::Cancel() {
  if (!end_) static_cast<void>(Fail(Cancelled()));
}

Status Channel::Connect() {
  return ConnectUntil(MonotonicNow() + options_.connect_timeout.count() * kNanosPerMilli);
}

Status Channel::ConnectUntil(MonoNanos deadline) {
  if (link_ && link_->usable()) return {};
  TRY_ASSIGN(const ClientTarget target, ClientTarget::Parse(options_.target));
  const MonoNanos limit = MonotonicNow() + options_.connect_timeout.count() * kNanosPerMilli;
  TRY_ASSIGN(auto connection,
             ClientConnection::Open(target, options_.tls, "h2", std::min(deadline, limit)));
  link_ = std::make_shared<ClientLink>(std::move(connection), options_.target);
  return {};
}

Result<ClientStream> Channel::Start(std::string_view path, const CallOptions& options) {
  const MonoNanos deadline = MonotonicNow() + options.timeout.count() * kNanosPerMilli;
  // A connection that ended while nobody used it is noticed before a call is given to it.
  if (link_) link_->Flush();
  TRY(ConnectUntil(deadline));
  TRY_ASSIGN(const std::int32_t id, link_->session().Open(RequestHeaders(path, options_, options)));
  return ClientStream(link_, id, deadline, options.timeout, options_.max_message_bytes);
}

Result<ClientStream> Channel::Stream(std::string_view path,
                                     const google::protobuf::Message& request,
                                     const CallOptions& options) {
  TRY_ASSIGN(ClientStream stream, Start(path, options));
  TRY(stream.Write(request));
  TRY(stream.WritesDone());
  return stream;
}

Result<Reply> Channel::Call(std::string_view path, const google::protobuf::Message& request,
                            google::protobuf::Message& response, const CallOptions& options) {
  return Ask([&] { return Stream(path, request, options); }, response);
}

Result<Reply> Channel::Send(std::string_view path, const Writer& write,
                            google::protobuf::Message& response, const CallOptions& options) {
  const auto begin = [&]() -> Result<ClientStream> {
    TRY_ASSIGN(ClientStream stream, Start(path, options));
    TRY(write(stream));
    TRY(stream.WritesDone());
    return stream;
  };
  return Ask(begin, response);
}

Result<Reply> Channel::Ask(const std::function<Result<ClientStream>()>& begin,
                           google::protobuf::Message& response) {
  constexpr int kAttempts = 2;
  for (int attempt = 1;; ++attempt) {
    TRY_ASSIGN(ClientStream stream, begin());
    response.Clear();
    Result<bool> read = stream.Read(response);
    if (!read && stream.untouched() && attempt < kAttempts) continue;
    if (!read) return std::unexpected(read.error());
    if (!*read) {
      return std::unexpected(
          Error(Code::kInternal, "MALFORMED_RESPONSE",
                "the server answered OK without a message: is it a Prism server?"));
    }
    // The status is in the trailers, behind the message.
    const std::unique_ptr<google::protobuf::Message> extra(response.New());
    TRY_ASSIGN(const bool more, stream.Read(*extra));
    if (more) {
      return std::unexpected(
          Error(Code::kInternal, "MALFORMED_RESPONSE",
                "the server answered with more than one message where one is due"));
    }
    return Reply{.headers = stream.headers(), .trailers = stream.trailers()};
  }
}

}  // namespace prism::rpc
