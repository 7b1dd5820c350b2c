#include "rpc/grpc_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "rpc/grpc_connection.h"
#include "rpc/grpc_metadata.h"
#include "rpc/gzip.h"

namespace prism::rpc {
namespace {

// A stream's writer waits while this much of what it wrote has not left.
constexpr std::size_t kHighWaterBytes = 64 * 1024;
// Below this size compressing costs more than it saves.
constexpr std::size_t kMinGzipBytes = 1024;
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

Error DeadlineExceeded() {
  return {
      Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
      "the call was not finished within its deadline: allow more time, or ask for less at once"};
}

}  // namespace

GrpcCall::GrpcCall(GrpcShard& shard)
    : shard_(shard), arena_(ArenaOn(arena_block_)), reader_(shard.limits().max_message_bytes) {}

GrpcCall::~GrpcCall() = default;

void GrpcCall::Begin(GrpcConnection& connection) {
  connection_ = &connection;
  peer_ = connection.peer();
  context_.emplace(arena_);
  context_->arrival = shard_.shard().turn_time();
  stream_open_ = true;
}

void GrpcCall::Detach() {
  peer_copy_ = connection_->peer();
  peer_ = peer_copy_;
  connection_ = nullptr;
  if (stream_open_) {
    OnClose(HttpError::kCancel);
  } else {
    MaybeRelease();
  }
}

void GrpcCall::OnClose(HttpError) {
  stream_open_ = false;
  if (connection_ != nullptr) connection_->OnBodyGone(body.size());
  if (running_ && !answered_) {
    Queue(kClientGone);
  } else {
    MaybeRelease();
  }
}

void GrpcCall::Shutdown() {
  if (!answered_) Queue(kShutdown);
}

void GrpcCall::Queue(Work work) {
  work_ |= work;
  if (queued_) return;
  queued_ = true;
  shard_.Queue(*this);
}

void GrpcCall::RunReady() {
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

runtime::Task<void> GrpcCall::Serve(GrpcCall& call) {
  co_await call.shard_.dispatcher().Serve(call);
  call.OnServed();
}

void GrpcCall::OnServed() {
  running_ = false;
  if (!answered_) {
    Fail({Code::kInternal, "CALL_NOT_ANSWERED",
          "the server finished the call without an answer: this is a bug of the server"});
  }
  MaybeRelease();
}

// Back to the pool once neither codec, task nor queue knows this call.
void GrpcCall::MaybeRelease() {
  if (stream_open_ || running_ || queued_) return;
  if (connection_ != nullptr) connection_->Unlink(*this);
  ResetState();
  shard_.Release(*this);
}

void GrpcCall::ResetState() {
  Disarm();
  connection_ = nullptr;
  context_.reset();
  arena_.Reset();
  method_ = nullptr;
  headers_.Clear();
  reader_.Reset(kKeepBytes);
  request_ = {};
  ClearText(decompressed_);
  unconsumed_ = 0;
  request_error_.reset();
  ClearText(added_text_);
  added_.clear();
  response_fields_.clear();
  trailer_count_ = 0;
  body.Clear();
  body_ended = false;
  answered_ = headers_sent_ = request_ended_ = false;
  is_post_ = is_grpc_ = has_te_ = headers_too_large_ = gzip_ = false;
  refusal_ = {};
}

void GrpcCall::SetDeadline(MonoNanos when) {
  if (context_->deadline != 0 && context_->deadline <= when) return;
  context_->deadline = when;
  if (!answered_) shard_.shard().ArmTimerAt(*this, when);
}

void GrpcCall::OnTimer() {
  Queue(kDeadlinePassed);
  shard_.RunReady();
}

// --- request -------------------------------------------------------------------------------------

void GrpcCall::OnHeader(std::string_view name, std::string_view value) {
  if (name == ":method") {
    is_post_ = value == "POST";
  } else if (name == "content-type") {
    is_grpc_ = IsGrpcContentType(value);
  } else if (name == "te") {
    has_te_ = true;  // the codec takes "trailers" only
  } else if (name != ":scheme" &&
             !headers_.Add(name, value, shard_.limits().max_header_list_bytes)) {
    headers_too_large_ = true;
  }
}

void GrpcCall::OnHeadersEnd(bool end) {
  if (!is_post_) {
    refusal_ = {"405", "gRPC calls are POST requests.\n"};
  } else if (!is_grpc_ && !headers_too_large_) {
    refusal_ = {"415", "This port speaks gRPC: content-type must be application/grpc.\n"};
  }
  if (refuses()) {
    if (end) SendRefusal();
    return;
  }
  if (Status checked = CheckHeaders(); !checked) return Fail(checked.error());
  if (streams_requests()) Queue(kDispatch);
  if (end) OnEnd();
}

Status GrpcCall::CheckHeaders() {
  if (headers_too_large_) {
    return std::unexpected(
        Error(Code::kResourceExhausted, "HEADERS_TOO_LARGE",
              fmt::format("the request's headers are above {} bytes: send less metadata",
                          shard_.limits().max_header_list_bytes)));
  }
  if (!has_te_) {
    return std::unexpected(
        Error(Code::kInvalidArgument, "TE_TRAILERS_MISSING",
              "the header 'te: trailers' is missing: the client is no gRPC client, or a proxy on "
              "the way drops trailers"));
  }
  const std::string_view path = headers_.Find(":path");
  method_ = shard_.dispatcher().Find(path);
  if (method_ == nullptr) {
    return std::unexpected(
        Error(Code::kUnimplemented, "METHOD_NOT_FOUND",
              fmt::format("there is no method {}: check the service's name and version; server "
                          "reflection lists what is there",
                          path.substr(0, 200))));
  }
  const std::string_view encoding = headers_.Find("grpc-encoding");
  if (!encoding.empty() && encoding != "identity" && encoding != "gzip") {
    AddHeader("grpc-accept-encoding", "identity,gzip");
    return std::unexpected(Error(Code::kUnimplemented, "COMPRESSION_UNSUPPORTED",
                                 fmt::format("messages compressed with '{}' are not understood: "
                                             "use gzip or none",
                                             encoding.substr(0, 40))));
  }
  gzip_ = encoding == "gzip";
  const std::string_view timeout_text = headers_.Find("grpc-timeout");
  if (timeout_text.empty()) return {};
  const std::optional<MonoNanos> timeout = ParseGrpcTimeout(timeout_text);
  if (!timeout) {
    return std::unexpected(
        InvalidField("GRPC_TIMEOUT_INVALID", "grpc-timeout",
                     "is not up to 8 digits followed by one of H, M, S, m, u, n"));
  }
  const MonoNanos now = context_->arrival;
  SetDeadline(*timeout < std::numeric_limits<MonoNanos>::max() - now
                  ? now + *timeout
                  : std::numeric_limits<MonoNanos>::max());
  return {};
}

void GrpcCall::OnData(std::string_view bytes, bool last) {
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

void GrpcCall::OnUnaryData(std::string_view bytes, bool last) {
  if (last) return;
  // A whole message is always accepted: its size is bounded, and it is needed to go on.
  connection_->codec().Consume(*this, bytes.size());
  const Result<bool> ready = reader_.Ready();
  if (!ready) Fail(ready.error());
}

void GrpcCall::OnStreamData(std::string_view bytes, bool last) {
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
void GrpcCall::GiveBackWindow() {
  if (unconsumed_ == 0 || connection_ == nullptr || !stream_open_) return;
  connection_->codec().Consume(*this, std::exchange(unconsumed_, 0));
  connection_->MarkOutput();
}

void GrpcCall::OnEnd() {
  if (answered_) return;
  if (refuses()) return SendRefusal();
  request_ended_ = true;
  if (streams_requests()) {
    Queue(kWakeReader);
  } else {
    DispatchUnary();
  }
}

void GrpcCall::DispatchUnary() {
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
  Queue(kDispatch);
}

Result<std::string_view> GrpcCall::Decompress(GrpcFrameReader::Frame frame) {
  if (!frame.compressed) return frame.bytes;
  if (!gzip_) {
    return std::unexpected(Error(Code::kInternal, "GRPC_FRAME_MALFORMED",
                                 "a message is marked as compressed, but the call names no "
                                 "grpc-encoding"));
  }
  TRY(Gunzip(frame.bytes, shard_.limits().max_message_bytes, decompressed_));
  return decompressed_;
}

runtime::Task<Result<bool>> GrpcCall::Read(google::protobuf::Message& into) {
  for (;;) {
    CO_TRY(Alive());
    if (request_error_) co_return std::unexpected(*request_error_);
    CO_TRY_ASSIGN(const auto frame, reader_.Next());
    if (frame) {
      CO_TRY_ASSIGN(const std::string_view bytes, Decompress(*frame));
      const bool parsed = into.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
      CO_TRY_ASSIGN(const bool more, reader_.Ready());
      if (!more) GiveBackWindow();
      if (!parsed) {
        co_return std::unexpected(Error(Code::kInvalidArgument, "MESSAGE_MALFORMED",
                                        "a message of the stream is not valid protobuf"));
      }
      co_return true;
    }
    if (request_ended_) {
      if (reader_.buffered() != 0) co_return std::unexpected(Truncated());
      co_return false;
    }
    co_await reader_wakeup_;
  }
}

// --- response ------------------------------------------------------------------------------------

Status GrpcCall::Alive() {
  const runtime::CancelReason reason = context_->cancel().reason();
  if (reason == runtime::CancelReason::kDeadline) return std::unexpected(DeadlineExceeded());
  if (reason != runtime::CancelReason::kNone || !stream_open_) {
    return std::unexpected(
        Error(Code::kCancelled, "CALL_CANCELLED", "the client has gone, or the server stops"));
  }
  return {};
}

// Decides the end of the response. False when it has been decided before, or nobody listens.
bool GrpcCall::Answer() {
  if (std::exchange(answered_, true)) return false;
  Disarm();
  return stream_open_;
}

void GrpcCall::AddHeader(std::string_view name, std::string_view value) {
  if (headers_sent_) return;
  added_.push_back({.offset = static_cast<std::uint32_t>(added_text_.size()),
                    .name_size = static_cast<std::uint32_t>(name.size()),
                    .value_size = static_cast<std::uint32_t>(value.size())});
  added_text_.append(name).append(value);
}

void GrpcCall::Respond(const google::protobuf::Message& response) {
  if (!Answer()) return;
  AppendMessage(response);
  body_ended = true;
  SendHeaders(false);
}

void GrpcCall::Finish() {
  if (!Answer()) return;
  body_ended = true;
  if (!headers_sent_) return SendHeaders(false);
  connection_->codec().ResumeBody(*this);
  connection_->MarkOutput();
}

void GrpcCall::Fail(const Error& error) {
  if (!Answer()) return;
  SetErrorTrailers(error);
  if (!headers_sent_) return SendHeaders(true);
  body_ended = true;
  connection_->codec().ResumeBody(*this);
  connection_->MarkOutput();
}

runtime::Task<Status> GrpcCall::Write(const google::protobuf::Message& message) {
  CO_TRY(Alive());
  AppendMessage(message);
  if (!headers_sent_) {
    SendHeaders(false);
  } else {
    connection_->codec().ResumeBody(*this);
    connection_->MarkOutput();
  }
  while (body.size() > kHighWaterBytes) {
    co_await writer_wakeup_;
    CO_TRY(Alive());
  }
  co_return Status{};
}

void GrpcCall::AppendMessage(const google::protobuf::Message& message) {
  const std::size_t size = message.ByteSizeLong();
  const std::size_t before = body.size();
  if (gzip_ && size >= kMinGzipBytes) {
    AppendCompressed(message);
  } else {
    body.Append(kGrpcPrefixBytes + size, [&](char* out) {
      WriteGrpcPrefix(out, false, static_cast<std::uint32_t>(size));
      message.SerializeWithCachedSizesToArray(
          reinterpret_cast<std::uint8_t*>(out + kGrpcPrefixBytes));
    });
  }
  connection_->OnBodyQueued(body.size() - before);
}

void GrpcCall::AppendCompressed(const google::protobuf::Message& message) {
  std::string compressed;
  Gzip(message.SerializeAsString(), compressed);
  body.Append(kGrpcPrefixBytes, [&](char* out) {
    WriteGrpcPrefix(out, true, static_cast<std::uint32_t>(compressed.size()));
  });
  body.Append(compressed);
}

// With `end` the status is part of the headers ("Trailers-Only").
void GrpcCall::SendHeaders(bool end) {
  headers_sent_ = true;
  response_fields_.push_back({":status", "200"});
  response_fields_.push_back({"content-type", "application/grpc"});
  if (gzip_ && !end) response_fields_.push_back({"grpc-encoding", "gzip"});
  const std::string_view text(added_text_);
  // Values of some length are ids and the like, which hardly repeat.
  constexpr std::size_t kRepeating = 16;
  for (const AddedHeader& added : added_) {
    response_fields_.push_back(
        {.name = text.substr(added.offset, added.name_size),
         .value = text.substr(added.offset + added.name_size, added.value_size),
         .unique = added.value_size > kRepeating});
  }
  if (end) {
    response_fields_.insert(response_fields_.end(), trailers_.begin(),
                            trailers_.begin() + static_cast<std::ptrdiff_t>(trailer_count_));
  }
  connection_->codec().Respond(*this, response_fields_, end);
  connection_->MarkOutput();
}

// What is no gRPC gets an answer of plain HTTP, and like there after its request has come.
void GrpcCall::SendRefusal() {
  if (!Answer()) return;
  headers_sent_ = true;
  const auto [status, text] = refusal_;
  response_fields_.push_back({":status", status});
  response_fields_.push_back({"content-type", "text/plain; charset=utf-8"});
  if (status == "405") response_fields_.push_back({"allow", "POST"});
  is_grpc_ = false;
  body.Append(text);
  connection_->OnBodyQueued(text.size());
  body_ended = true;
  connection_->codec().Respond(*this, response_fields_, false);
  connection_->MarkOutput();
}

void GrpcCall::SetErrorTrailers(const Error& error) {
  status_ = WriteGrpcStatus(error);
  trailers_ = {{{.name = "grpc-status", .value = status_.status},
                {.name = "grpc-message", .value = status_.message, .unique = true},
                {.name = "grpc-status-details-bin", .value = status_.details, .unique = true}}};
  trailer_count_ = trailers_.size();
}

std::span<const HeaderField> GrpcCall::Trailers() {
  if (!is_grpc_) return {};
  static constexpr HeaderField kOk{.name = "grpc-status", .value = "0"};
  if (trailer_count_ == 0) return {&kOk, 1};
  return {trailers_.data(), trailer_count_};
}

void GrpcCall::OnBodyTaken(std::size_t count) {
  connection_->OnBodyGone(count);
  if (running_ && !answered_ && body.size() <= kHighWaterBytes) Queue(kWakeWriter);
}

}  // namespace prism::rpc
