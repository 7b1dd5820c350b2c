#include "rpc/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "rpc/call_connection.h"
#include "rpc/grpc_metadata.h"
#include "rpc/gzip.h"
#include "rpc/json/json_codec.h"

namespace prism::rpc {
namespace {

// Larger buffers of a call go back to the allocator with it.
constexpr std::size_t kKeepBytes = 16 * 1024;

google::protobuf::ArenaOptions ArenaOn(std::span<char> block) {
  google::protobuf::ArenaOptions options;
  options.initial_block = block.data();
  options.initial_block_size = block.size();
  options.start_block_size = 4 * 1024;
  return options;
}

void ClearText(std::string& text) {
  text.clear();
  if (text.capacity() > kKeepBytes) text.shrink_to_fit();
}

Error Truncated() {
  return {Code::kInternal, "GRPC_FRAME_TRUNCATED",
          "the request ended in the middle of a message: the sender or a proxy cut it off"};
}

}  // namespace

Call::Call(CallShard& shard)
    : shard_(shard), arena_(ArenaOn(arena_block_)), reader_(shard.limits().max_message_bytes) {}

Call::~Call() = default;

void Call::Begin(CallConnection& connection) {
  connection_ = &connection;
  peer_ = connection.peer();
  context_.emplace(arena_);
  context_->arrival = shard_.shard().turn_time();
  stream_open_ = true;
}

void Call::Detach() {
  peer_copy_ = connection_->peer();
  peer_ = peer_copy_;
  connection_ = nullptr;
  if (stream_open_) {
    OnClose(HttpError::kCancel);
  } else {
    MaybeRelease();
  }
}

void Call::OnClose(HttpError) {
  stream_open_ = false;
  if (connection_ != nullptr) connection_->OnBodyGone(body.size());
  if (running_ && !answered_) {
    Queue(kClientGone);
  } else {
    MaybeRelease();
  }
}

void Call::Shutdown() {
  if (!answered_) Queue(kShutdown);
}

void Call::Queue(Work work) {
  work_ |= work;
  if (queued_) return;
  queued_ = true;
  shard_.Queue(*this);
}

void Call::RunReady() {
  while (work_ != 0) {
    const std::uint8_t work = std::exchange(work_, 0);
    if ((work & kClientGone) != 0) context_->cancel().Cancel(runtime::CancelReason::kClientGone);
    // The client gets its answer first: it comes now, and says why, whatever the task makes of it.
    if ((work & kDeadlinePassed) != 0) {
      Fail(DeadlineExceeded());
      context_->cancel().Cancel(runtime::CancelReason::kDeadline);
    }
    if ((work & kShutdown) != 0) {
      Fail({Code::kUnavailable, "SERVER_STOPPING",
            "the server stops and the call had not finished in time: try again"});
      context_->cancel().Cancel(runtime::CancelReason::kShutdown);
    }
    if ((work & kDispatch) != 0 && stream_open_ && !answered_) {
      running_ = true;
      shard_.tasks().Spawn(Serve(*this));
    }
    if (work != kDispatch) {
      reader_wakeup_.Wake();
      writer_wakeup_.Wake();
    }
  }
  queued_ = false;
  MaybeRelease();
}

runtime::Task<void> Call::Serve(Call& call) {
  co_await call.shard_.dispatcher().Serve(call);
  call.OnServed();
}

void Call::OnServed() {
  running_ = false;
  if (!answered_) {
    Fail({Code::kInternal, "CALL_NOT_ANSWERED",
          "the server finished the call without an answer: this is a bug of the server"});
  }
  MaybeRelease();
}

// Back to the pool once neither codec, task nor queue knows this call.
void Call::MaybeRelease() {
  if (stream_open_ || running_ || queued_) return;
  if (connection_ != nullptr) connection_->Unlink(*this);
  ResetState();
  shard_.Release(*this);
}

void Call::ResetState() {
  Disarm();
  connection_ = nullptr;
  context_.reset();
  arena_.Reset();
  method_ = nullptr;
  format_ = nullptr;
  headers_.Clear();
  reader_.Reset(kKeepBytes);
  request_ = {};
  ClearText(decompressed_);
  ClearText(transcoded_);
  unconsumed_ = 0;
  request_error_.reset();
  ClearText(added_text_);
  added_.clear();
  response_fields_.clear();
  trailer_count_ = 0;
  body.Clear();
  body_ended = false;
  answered_ = headers_sent_ = request_ended_ = false;
  is_post_ = has_te_ = headers_too_large_ = gzip_in_ = gzip_out_ = body_gzip_ = false;
  refusal_ = {};
  http_status_ = "200";
}

void Call::SetDeadline(MonoNanos when) {
  if (context_->deadline != 0 && context_->deadline <= when) return;
  context_->deadline = when;
  if (!answered_) shard_.shard().ArmTimerAt(*this, when);
}

void Call::OnTimer() {
  Queue(kDeadlinePassed);
  shard_.RunReady();
}

// --- request -------------------------------------------------------------------------------------

void Call::OnHeader(std::string_view name, std::string_view value) {
  if (name == ":method") {
    is_post_ = value == "POST";
  } else if (name == "content-type") {
    format_ = FindCallFormat(value);
  } else if (name == "te") {
    has_te_ = true;  // the codec takes "trailers" only
  } else if (name != ":scheme" &&
             !headers_.Add(name, value, shard_.limits().max_header_list_bytes)) {
    headers_too_large_ = true;
  }
}

void Call::OnHeadersEnd(bool end) {
  if (RefuseRequest()) {
    if (end) SendRefusal();
    return;
  }
  if (Status checked = CheckHeaders(); !checked) return Fail(checked.error());
  if (streams_requests()) Queue(kDispatch);
  if (end) OnEnd();
}

// True for what is a call in none of our protocols: it gets an answer of plain HTTP.
bool Call::RefuseRequest() {
  if (!is_post_) {
    refusal_ = {"405", "Calls are POST requests.\n"};
    return true;
  }
  if (headers_too_large_) {
    if (format_ == nullptr) format_ = &GrpcFormat();
    return false;
  }
  if (format_ != nullptr) {
    method_ = shard_.dispatcher().Find(headers_.Find(":path"));
    const bool streams = method_ != nullptr && method_->kind != contract::StreamKind::kUnary;
    if (!format_->connect() || method_ == nullptr || format_->framed() == streams) return false;
  }
  refusal_ = {
      "415",
      "content-type must be one of application/grpc, application/grpc-web; for unary methods "
      "also application/json, application/proto; for methods that stream also "
      "application/connect+json, application/connect+proto.\n"};
  return true;
}

Status Call::CheckHeaders() {
  if (headers_too_large_) {
    return std::unexpected(
        Error(Code::kResourceExhausted, "HEADERS_TOO_LARGE",
              fmt::format("the request's headers are above {} bytes: send less metadata",
                          shard_.limits().max_header_list_bytes)));
  }
  if (!has_te_ && format_->end == CallEnd::kTrailers) {
    return std::unexpected(
        Error(Code::kInvalidArgument, "TE_TRAILERS_MISSING",
              "the header 'te: trailers' is missing: the client is no gRPC client, or a proxy on "
              "the way drops trailers"));
  }
  if (method_ == nullptr) {
    if (!format_->framed()) http_status_ = "404";
    return std::unexpected(
        Error(Code::kUnimplemented, "METHOD_NOT_FOUND",
              fmt::format("there is no method {}: check the service's name and version; server "
                          "reflection lists what is there",
                          headers_.Find(":path").substr(0, 200))));
  }
  if (const auto version = headers_.Find("connect-protocol-version");
      format_->connect() && !version.empty() && version != "1") {
    return std::unexpected(
        InvalidField("CONNECT_VERSION_UNSUPPORTED", "connect-protocol-version", "must be 1"));
  }
  TRY(CheckEncoding());
  return CheckTimeout();
}

Status Call::CheckEncoding() {
  const std::string_view encoding = headers_.Find(format_->encoding_header);
  if (!encoding.empty() && encoding != "identity" && encoding != "gzip") {
    AddHeader(format_->accept_header, "identity,gzip");
    return std::unexpected(Error(Code::kUnimplemented, "COMPRESSION_UNSUPPORTED",
                                 fmt::format("messages compressed with '{}' are not understood: "
                                             "use gzip or none",
                                             encoding.substr(0, 40))));
  }
  gzip_in_ = encoding == "gzip";
  // gRPC clients say what they can read, not what they want to.
  gzip_out_ =
      format_->connect() ? ListContains(headers_.Find(format_->accept_header), "gzip") : gzip_in_;
  if (!format_->framed()) reader_.SetWhole(gzip_in_);
  return {};
}

Status Call::CheckTimeout() {
  const std::string_view text = headers_.Find(format_->timeout_header);
  if (text.empty()) return {};
  const std::optional<MonoNanos> timeout =
      format_->connect() ? ParseConnectTimeout(text) : ParseGrpcTimeout(text);
  if (!timeout) {
    return std::unexpected(InvalidField(
        format_->connect() ? "CONNECT_TIMEOUT_INVALID" : "GRPC_TIMEOUT_INVALID",
        std::string(format_->timeout_header),
        format_->connect() ? "is not a number of milliseconds of up to 10 digits"
                           : "is not up to 8 digits followed by one of H, M, S, m, u, n"));
  }
  const MonoNanos now = context_->arrival;
  SetDeadline(*timeout < std::numeric_limits<MonoNanos>::max() - now
                  ? now + *timeout
                  : std::numeric_limits<MonoNanos>::max());
  return {};
}

void Call::OnData(std::string_view bytes, bool last) {
  if (answered_) return;
  if (refuses()) {
    connection_->codec().Consume(*this, bytes.size());
    if (last) SendRefusal();
    return;
  }
  reader_.Append(bytes);
  if (streams_requests()) {
    OnStreamData(bytes, last);
  } else {
    OnUnaryData(bytes, last);
  }
  if (last && !answered_) OnEnd();
}

void Call::OnUnaryData(std::string_view bytes, bool last) {
  if (last) return;
  // A whole message is always accepted: its size is bounded, and it is needed to go on.
  connection_->codec().Consume(*this, bytes.size());
  const Result<bool> ready = reader_.Ready();
  if (!ready) Fail(ready.error());
}

void Call::OnStreamData(std::string_view bytes, bool last) {
  if (!last) unconsumed_ += bytes.size();
  const Result<bool> ready = reader_.Ready();
  if (!ready) {
    request_error_ = ready.error();
  } else if (!*ready) {
    GiveBackWindow();
  }
  Queue(kWakeReader);
}

// Opens the peer's window when no complete message waits to be read: what is buffered then is at
// most one message, and a message larger than the window could not arrive otherwise.
void Call::GiveBackWindow() {
  if (unconsumed_ == 0 || connection_ == nullptr || !stream_open_) return;
  connection_->codec().Consume(*this, std::exchange(unconsumed_, 0));
  connection_->MarkOutput();
}

void Call::OnEnd() {
  if (answered_) return;
  if (refuses()) return SendRefusal();
  request_ended_ = true;
  if (streams_requests()) {
    Queue(kWakeReader);
  } else {
    DispatchUnary();
  }
}

void Call::DispatchUnary() {
  Result<std::optional<GrpcFrameReader::Frame>> frame = reader_.Next();
  if (!frame) return Fail(frame.error());
  if (!*frame) {
    if (reader_.buffered() != 0) return Fail(Truncated());
    return Fail({Code::kInvalidArgument, "REQUEST_MESSAGE_MISSING",
                 "the call carries no request message, but its method takes exactly one"});
  }
  if (reader_.buffered() != 0) {
    return Fail(
        {Code::kInvalidArgument, "REQUEST_MESSAGE_NOT_SINGLE",
         "the call carries more than one request message, but its method takes exactly one"});
  }
  Result<std::string_view> request = Decompress(**frame);
  if (!request) return Fail(request.error());
  request_ = *request;
  if (format_->json) {
    google::protobuf::Message* message = method_->new_request(&context_->arena());
    if (Status parsed = ParseJson(request_, *message); !parsed) return Fail(parsed.error());
    message->SerializeToString(&transcoded_);
    request_ = transcoded_;
  }
  Queue(kDispatch);
}

Result<std::string_view> Call::Decompress(GrpcFrameReader::Frame frame) {
  if (!frame.compressed) return frame.bytes;
  if (!gzip_in_) {
    return std::unexpected(Error(Code::kInternal, "GRPC_FRAME_MALFORMED",
                                 fmt::format("a message is marked as compressed, but the call "
                                             "names no {}",
                                             format_->encoding_header)));
  }
  TRY(Gunzip(frame.bytes, shard_.limits().max_message_bytes, decompressed_));
  return decompressed_;
}

Status Call::Parse(std::string_view bytes, google::protobuf::Message& into) const {
  if (format_->json) return ParseJson(bytes, into);
  if (into.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return std::unexpected(Error(Code::kInvalidArgument, "MESSAGE_MALFORMED",
                               "a message of the stream is not valid protobuf"));
}

runtime::Task<Result<bool>> Call::Read(google::protobuf::Message& into) {
  for (;;) {
    CO_TRY(Alive());
    if (request_error_) co_return std::unexpected(*request_error_);
    CO_TRY_ASSIGN(const auto frame, reader_.Next());
    if (frame) {
      CO_TRY_ASSIGN(const std::string_view bytes, Decompress(*frame));
      Status parsed = Parse(bytes, into);
      CO_TRY_ASSIGN(const bool more, reader_.Ready());
      if (!more) GiveBackWindow();
      CO_TRY(std::move(parsed));
      co_return true;
    }
    if (request_ended_) {
      if (reader_.buffered() != 0) co_return std::unexpected(Truncated());
      co_return false;
    }
    co_await reader_wakeup_;
  }
}

}  // namespace prism::rpc
