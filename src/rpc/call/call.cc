#include "rpc/call/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <utility>

#include "base/strings.h"
#include "rpc/call/call_connection.h"
#include "rpc/call/connect_get.h"
#include "rpc/json/json_codec.h"
#include "rpc/query.h"
#include "rpc/wire/gzip.h"
#include "runtime/wait.h"

namespace prism::rpc {
namespace {

// So much of a request that is refused is awaited, so that an HTTP/1.1 connection can go on.
constexpr std::size_t kMaxRefusedBytes = 64 * 1024;
// And so much of what is uploaded: programs lose an answer that comes while they still send.
constexpr std::size_t kMaxRefusedUpload = 64 * 1024 * 1024;
constexpr std::array<std::string_view, 7> kVerbs = {"POST",   "GET",     "PUT",  "HEAD",
                                                    "DELETE", "OPTIONS", "PATCH"};
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
  context_->request_id.Make(shard_.ids().Take());
  stream_open_ = true;
}

std::string_view Call::peer_identity() const {
  return connection_ != nullptr ? std::string_view(connection_->identity()) : std::string_view();
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
  if (connection_ != nullptr) {
    UpdateHeld(false);
    connection_->OnAnsweredGone(answered_held_);
    connection_->OnBodyGone(body.size());
  }
  if (running_ && !answered_) {
    Queue(kClientGone);
  } else {
    MaybeRelease();
  }
}

void Call::Shutdown() {
  if (!answered_) Queue(kShutdown);
}

MonoNanos Call::peer_due() const {
  constexpr MonoNanos kByteTime = kNanosPerSecond / kSlowestBytesPerSecond;
  const ServerLimits& limits = shard_.limits();
  if (!stream_open_) return runtime::kNoDeadline;
  if (answered_) {
    if (body.empty()) return runtime::kNoDeadline;
    return answered_at_ + limits.send_timeout + static_cast<MonoNanos>(taken_) * kByteTime;
  }
  // The codec looks after heads; a stream of requests may well pause.
  if (!opened() || request_ended_ || (streams_requests() && !refused_)) return runtime::kNoDeadline;
  return context_->arrival + limits.body_timeout +
         static_cast<MonoNanos>(reader_.buffered()) * kByteTime;
}

void Call::GiveUpOnPeer() {
  if (answered_) {
    connection_->codec().Reset(*this, HttpError::kCancel);
    return connection_->MarkOutput();
  }
  if (refused_) return Fail(*request_error_);
  if (!format_->framed()) http_status_ = "408";
  Fail({Code::kDeadlineExceeded, "REQUEST_TOO_SLOW",
        "the request did not arrive in time: send it at once, over a faster connection or in "
        "smaller parts"});
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
            "the server ends this connection and the call had not finished in time: try again"});
      context_->cancel().Cancel(runtime::CancelReason::kShutdown);
    }
    if ((work & kDispatch) != 0 && stream_open_ && !answered_ && !connection_->Park(*this)) {
      Start();
    }
    if (work != kDispatch) {
      reader_wakeup_.Wake();
      writer_wakeup_.Wake();
    }
  }
  queued_ = false;
  MaybeRelease();
}

// What a packed message unpacks to is not there before it may be.
void Call::Start() {
  if (!streams_requests() && !TakeRequest()) return;
  running_ = true;
  shard_.tasks().Spawn(Serve(*this));
}

runtime::Task<void> Call::Serve(Call& call) {
  co_await call.shard_.dispatcher().Serve(call);
  call.OnServed();
}

void Call::OnServed() {
  if (!answered_) {
    Fail({Code::kInternal, "CALL_NOT_ANSWERED",
          "the server finished the call without an answer: this is a bug of the server"});
  }
  running_ = false;
  MaybeRelease();
}

std::size_t Call::kept_bytes() const {
  return headers_.capacity() + reader_.capacity() + decompressed_.capacity() +
         transcoded_.capacity() + body.capacity();
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
  route_ = nullptr;
  verb_ = {};
  headers_.Clear();
  reader_.Reset(kKeepBytes);
  base64_.Reset();
  request_ = {};
  ClearText(decompressed_);
  ClearText(transcoded_);
  raw_ = {};
  unconsumed_ = 0;
  held_ = answered_held_ = 0;
  parked_ = window_closed_ = false;
  request_error_.reset();
  bytes_in_ = bytes_out_ = 0;
  first_message_at_ = 0;
  added_.Clear();
  added_trailers_.Clear();
  response_fields_.clear();
  trailers_.clear();
  body.Clear();
  body_ended = false;
  answered_ = headers_sent_ = request_ended_ = false;
  get_ = strange_codec_ = refused_ = has_te_ = headers_too_large_ = gzip_in_ = gzip_out_ =
      body_gzip_ = false;
  names_request_ = false;
  traceparents_ = 0;
  http_status_ = content_type_ = {};
  taken_ = 0;
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

void Call::WakeWhenCancelled::OnCancel(runtime::CancelReason) {
  CallShard& shard = call_.shard_;
  call_.Queue(kWakeWriter);
  shard.RunReady();
}

// --- request -------------------------------------------------------------------------------------

void Call::OnHeader(std::string_view name, std::string_view value) {
  if (name == ":method") {
    const auto* const verb = std::ranges::find(kVerbs, value);
    if (verb != kVerbs.end()) verb_ = *verb;
  } else if (name == "content-type") {
    format_ = FindCallFormat(value);
    if (format_ == nullptr) {
      format_ = FindGrpcFamily(value);
      strange_codec_ = format_ != nullptr;
    }
  } else if (name == "te") {
    has_te_ = true;  // the codec takes "trailers" only
  } else if (name != ":scheme") {
    if (name.starts_with('x') || name.starts_with('t')) NoteIdentity(name);
    if (!headers_.Add(name, value, shard_.limits().max_header_list_bytes)) {
      headers_too_large_ = true;
    }
  }
}

void Call::NoteIdentity(std::string_view name) {
  if (name == "x-request-id") {
    names_request_ = true;
  } else if (name == "traceparent") {
    traceparents_ = traceparents_ == 0 ? 1 : 2;
  }
}

// Takes over what the client calls its request, and the trace that it belongs to. An id that is not
// sane is replaced, and the answer shows by which; several traceparents are as good as a malformed
// one.
void Call::TakeIdentity() {
  if (names_request_) context_->request_id.Take(headers_.Find("x-request-id"));
  if (traceparents_ == 0) return;
  std::string& joined = *google::protobuf::Arena::Create<std::string>(&arena_);
  context_->trace.Begin(traceparents_ == 1 ? headers_.Find("traceparent") : std::string_view(),
                        headers_.FindList("tracestate", joined), shard_.ids());
}

void Call::OnHeadersEnd(bool end) {
  if (names_request_ || traceparents_ != 0) TakeIdentity();
  if (Status here = CheckHost(); !here) return Refuse(here.error(), end);
  if (Cors::IsPreflight(verb_, headers_)) return AnswerPreflight(end);
  if (Status opened = Open(); !opened) return Refuse(opened.error(), end);
  if (streams_requests()) Queue(kDispatch);
  UpdateHeld(true);
  if (end) OnEnd();
}

// Whatever it would have been, it is answered as plain HTTP: what can't be read as HTTP is no call.
void Call::OnUnreadable(const HttpRefusal& why) {
  if (!opened()) TakeIdentity();
  format_ = &PlainFormat();
  http_status_ = why.status;
  Fail({why.code, std::string(why.reason), std::string(why.advice)});
  if (running_) Queue(kClientGone);
}

// What a request makes the server hold as long as it is not answered. What the pool had kept from
// others' headers is not its doing: a small call must not wait for it.
void Call::UpdateHeld(bool open) {
  const std::size_t held = !open ? 0
                                 : sizeof(Call) + kStreamBytes + headers_.bytes() + reader_.size() +
                                       decompressed_.size() + transcoded_.size();
  connection_->OnHeld(held_, held);
  held_ = held;
}

// Whatever is asked for: pages, resources and calls are one to a browser.
Status Call::CheckHost() {
  if (connection_->hosts_ == nullptr) return {};
  Status allowed = connection_->hosts_->Check(headers_);
  if (!allowed && (format_ == nullptr || verb_ != "POST")) format_ = &PlainFormat();
  return allowed;
}

// A browser asks whether a page may send what it is about to: nobody else is asked.
void Call::AnswerPreflight(bool end) {
  format_ = &PlainFormat();
  const auto allowed = shard_.cors().AllowPreflight(headers_);
  if (!allowed) return Refuse(allowed.error(), end);
  for (const auto& [name, value] : *allowed) AddHeader(name, value);
  http_status_ = "204";
  Finish();
}

// Finds out what the request is: a call of a method, a resource, or nothing that is here.
Status Call::Open() {
  if (connection_->has_too_many_calls()) {
    if (format_ == nullptr) format_ = &PlainFormat();
    return std::unexpected(
        Error(Code::kUnavailable, "TOO_MANY_CALLS",
              "too many calls that this connection has given up are still running: try again a "
              "little later, or on another connection")
            .WithRetryAfter(std::chrono::seconds(1)));
  }
  const std::string_view target = headers_.Find(":path");
  const bool may_call = format_ != nullptr && verb_ == "POST";
  if (headers_too_large_) {
    // What was not kept may be what told the format.
    if (!may_call) format_ = verb_ == "POST" ? &GrpcFormat() : &PlainFormat();
    if (!format_->framed()) http_status_ = "431";
    return std::unexpected(
        Error(Code::kResourceExhausted, "HEADERS_TOO_LARGE",
              fmt::format("the request's headers are above {} bytes: send less metadata",
                          shard_.limits().max_header_list_bytes)));
  }
  method_ = shard_.dispatcher().Find(verb_ == "GET" ? PathOf(target) : target);
  if (method_ != nullptr) return OpenCall();
  route_ = shard_.dispatcher().FindRoute(target);
  if (route_ == nullptr) return NoSuchCall();
  says_json_ = format_ != nullptr && format_->json && !format_->framed();
  format_ = &PlainFormat();
  reader_.SetLimit(MaxMessageBytes());
  reader_.SetWhole(false);
  TRY(CheckLength());
  return CheckTimeout();
}

Status Call::OpenCall() {
  if (verb_ == "GET" && may_get() && (format_ == nullptr || format_->connect())) return OpenGet();
  if (verb_ != "POST") return WrongVerb();
  const bool streams = method_->kind != contract::StreamKind::kUnary;
  if (format_ == nullptr || strange_codec_ ||
      (format_->connect() && format_->framed() != streams)) {
    return WrongContentType();
  }
  if (!has_te_ && format_->end == CallEnd::kTrailers) {
    return std::unexpected(
        Error(Code::kInvalidArgument, "TE_TRAILERS_MISSING",
              "the header 'te: trailers' is missing: the client is no gRPC client, or a proxy on "
              "the way drops trailers"));
  }
  if (const auto version = headers_.Find("connect-protocol-version");
      format_->connect() && !version.empty() && version != "1") {
    return std::unexpected(
        InvalidField("CONNECT_VERSION_UNSUPPORTED", "connect-protocol-version", "must be 1"));
  }
  TRY(CheckEncoding(headers_.Find(format_->encoding_header)));
  return CheckTimeout();
}

Status Call::OpenGet() {
  get_ = true;
  format_ = FindCallFormat("application/json");  // of errors
  TRY_ASSIGN(const ConnectGet get, ParseConnectGet(QueryOf(headers_.Find(":path"))));
  format_ = FindCallFormat(fmt::format("application/{}", get.encoding));
  if (format_ == nullptr || format_->end != CallEnd::kHttpStatus) return WrongContentType();
  TRY(CheckEncoding(get.compression));
  TRY(CheckTimeout());
  // What was read may have changed the next moment; caches on the way may have a default of their
  // own for what says nothing.
  AddHeader("cache-control", "no-store");
  reader_.Append(get.message);
  return {};
}

// Connect and plain HTTP have a status for it, of which clients make UNKNOWN (gRPC, "HTTP to gRPC
// Status Code Mapping").
Status Call::WrongVerb() {
  Code code = Code::kUnimplemented;
  if (format_ == nullptr || format_->connect()) {
    format_ = &PlainFormat();
    http_status_ = "405";
    AddHeader("allow", may_get() ? "GET, POST" : "POST");
    code = Code::kUnknown;
  }
  return std::unexpected(
      Error(code, "HTTP_METHOD_UNSUPPORTED",
            may_get() ? "this method is called by POST, or by GET as Connect has it"
                      : "this method is called by POST: only unary methods without side effects "
                        "take GET"));
}

Status Call::WrongContentType() {
  Code code = Code::kUnimplemented;
  if (!strange_codec_) {
    format_ = &PlainFormat();
    http_status_ = "415";
    code = Code::kUnknown;
  }
  return std::unexpected(
      Error(code, "CONTENT_TYPE_UNSUPPORTED",
            get_ ? "the query's encoding must be json or proto"
                 : "content-type must be one of application/grpc, application/grpc-web, "
                   "application/grpc-web-text; for unary methods also application/json, "
                   "application/proto; for methods that stream also application/connect+json, "
                   "application/connect+proto"));
}

Status Call::NoSuchCall() {
  const std::string_view path = headers_.Find(":path");
  const std::string_view target = path.substr(0, path.find('?')).substr(0, 200);
  const bool get = verb_ == "GET" && MeansConnectGet(QueryOf(path));
  if (get) format_ = FindCallFormat("application/json");
  if (get || (verb_ == "POST" && format_ != nullptr)) {
    if (!format_->framed()) http_status_ = "404";
    return std::unexpected(
        Error(Code::kUnimplemented, "METHOD_NOT_FOUND",
              fmt::format("there is no method {}: check the service's name and version; server "
                          "reflection lists what is there",
                          target)));
  }
  format_ = &PlainFormat();
  return std::unexpected(Error(
      Code::kNotFound, "ROUTE_NOT_FOUND",
      fmt::format("nothing is at {}: resources are below /v1/, methods at /package.Service/Method",
                  target)));
}

// Over HTTP/1.1 an answer that comes before the request has ended costs the client its connection:
// the rest is awaited when it is short, and when nobody waits for a word before sending it.
void Call::Refuse(const Error& error, bool end) {
  if (end || format_->framed() || !headers_.Find("expect").empty()) return Fail(error);
  refused_ = true;
  UpdateHeld(true);
  request_error_ = error;
}

void Call::OnRefusedData(std::string_view bytes, bool last) {
  connection_->codec().Consume(*this, bytes.size());
  unconsumed_ += bytes.size();
  const std::size_t most = route_ != nullptr ? kMaxRefusedUpload : kMaxRefusedBytes;
  if (last || unconsumed_ > most) Fail(*request_error_);
}

// As base64 bytes take four thirds: what fits as Protobuf fits as JSON.
std::uint64_t Call::MaxMessageBytes() const {
  const std::uint64_t most = shard_.limits().max_message_bytes;
  return format_->json ? most + most / 3 : most;
}

Status Call::CheckEncoding(std::string_view encoding) {
  if (!encoding.empty() && encoding != "identity" && encoding != "gzip") {
    AddHeader(format_->accept_header, "identity,gzip");
    return std::unexpected(Error(Code::kUnimplemented, "COMPRESSION_UNSUPPORTED",
                                 fmt::format("messages compressed with '{}' are not understood: "
                                             "use gzip or none",
                                             encoding.substr(0, 40))));
  }
  reader_.SetLimit(MaxMessageBytes());
  gzip_in_ = encoding == "gzip";
  // gRPC clients say what they can read, not what they want to.
  gzip_out_ =
      format_->connect() ? base::HasToken(headers_.Find(format_->accept_header), "gzip") : gzip_in_;
  if (!format_->framed()) reader_.SetWhole(gzip_in_);
  return {};
}

// What is announced as too large need not be sent.
Status Call::CheckLength() const {
  const std::string_view text = headers_.Find("content-length");
  std::uint64_t bytes = 0;
  std::from_chars(text.data(), text.data() + text.size(), bytes);  // the codec has judged it
  const std::uint64_t most = shard_.limits().max_message_bytes;
  if (bytes <= most) return {};
  return std::unexpected(MessageTooLarge(bytes, most));
}

Status Call::CheckTimeout() {
  const TimeoutFormat& format = *format_->timeout;
  const std::string_view text = headers_.Find(format.header);
  if (text.empty()) return {};
  const std::optional<MonoNanos> timeout = format.parse(text);
  if (!timeout) {
    return std::unexpected(
        InvalidField(format.reason, std::string(format.header), std::string(format.advice)));
  }
  const MonoNanos now = context_->arrival;
  SetDeadline(*timeout < std::numeric_limits<MonoNanos>::max() - now
                  ? now + *timeout
                  : std::numeric_limits<MonoNanos>::max());
  return {};
}

void Call::OnData(std::string_view bytes, bool last) {
  if (answered_) return;
  bytes_in_ += bytes.size();
  connection_->OnBodyCame(bytes.size());
  if (refused_) return OnRefusedData(bytes, last);
  if (get_ && !bytes.empty()) {
    return Fail({Code::kInvalidArgument, "REQUEST_BODY_UNEXPECTED",
                 "a GET has its message in the query and no body: use POST"});
  }
  if (!format_->base64) {
    reader_.Append(bytes);
  } else if (Status decoded = DecodeBody(bytes); !decoded) {
    if (!streams_requests()) return Fail(decoded.error());
    // The task reads it, and ends.
    request_error_ = decoded.error();
    return Queue(kWakeReader);
  }
  if (streams_requests()) {
    OnStreamData(bytes, last);
  } else {
    OnUnaryData(bytes, last);
  }
  if (last && !answered_) OnEnd();
}

Status Call::DecodeBody(std::string_view text) {
  std::string bytes;
  TRY(base64_.Decode(text, bytes));
  reader_.Append(bytes);
  return {};
}

void Call::OnUnaryData(std::string_view bytes, bool last) {
  if (last) return;
  UpdateHeld(true);
  // A whole message is always accepted: its size is bounded, and it is needed to go on.
  unconsumed_ += bytes.size();
  GiveBackWindow();
  const Result<bool> ready = reader_.Ready();
  if (ready) return;
  if (format_->framed()) return Fail(ready.error());
  reader_.Reset(kKeepBytes);
  refused_ = true;
  request_error_ = ready.error();
}

void Call::OnStreamData(std::string_view bytes, bool last) {
  UpdateHeld(true);
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
  const bool may_open = connection_->MayOpenWindow(*this);
  if (may_open == window_closed_) [[unlikely]] {
    window_closed_ = !may_open;
    may_open ? connection_->OnWindowOpened() : connection_->OnWindowClosed();
  }
  if (!may_open) return;
  connection_->codec().Consume(*this, std::exchange(unconsumed_, 0));
  connection_->MarkOutput();
}

void Call::OnEnd() {
  if (answered_) return;
  if (refused_) return Fail(*request_error_);
  request_ended_ = true;
  connection_->OnRequestEnded(*this);
  if (streams_requests()) {
    Queue(kWakeReader);
  } else {
    Queue(kDispatch);
  }
}

// What is wrong with the number of messages is UNIMPLEMENTED (gRPC, "Status codes and their use").
Status Call::ReadRequest() {
  TRY_ASSIGN(const auto frame, reader_.Next());
  if (!frame) {
    if (reader_.buffered() + base64_.pending() != 0) return std::unexpected(Truncated());
    return std::unexpected(
        Error(Code::kUnimplemented, "REQUEST_MESSAGE_MISSING",
              "the call carries no request message, but its method takes exactly one"));
  }
  if (reader_.buffered() != 0) {
    return std::unexpected(
        Error(Code::kUnimplemented, "REQUEST_MESSAGE_NOT_SINGLE",
              "the call carries more than one request message, but its method takes exactly one"));
  }
  TRY_ASSIGN(request_, Decompress(*frame));
  return Translate();
}

// False: the call has been answered with what is wrong.
bool Call::TakeRequest() {
  if (Status read = ReadRequest(); !read) {
    Fail(read.error());
    return false;
  }
  if (!decompressed_.empty() || !transcoded_.empty()) {
    // What the request was made from is needed no more.
    raw_ = {};
    reader_.Reset(kKeepBytes);
    if (!transcoded_.empty()) ClearText(decompressed_);
    UpdateHeld(true);
  }
  // The layer above makes a message of it, while the bytes stay.
  if (request_.size() >= kLargeBytes) {
    connection_->OnHeld(held_, held_ + request_.size());
    held_ += request_.size();
  }
  return true;
}

// What did not come as protobuf becomes it: the layer above peeks and parses only that.
Status Call::Translate() {
  if (route_ != nullptr) {
    raw_ = std::exchange(request_, {});
    TRY_ASSIGN(resource_, route_->ToCall(Resource(), transcoded_, *this));
    method_ = resource_.method;
    content_type_ = resource_.content_type;
    request_ = transcoded_;
  } else if (format_->json) {
    google::protobuf::Message* message = method_->new_request(&context_->arena());
    TRY(ParseJson(request_, *message));
    message->SerializeToString(&transcoded_);
    request_ = transcoded_;
  }
  return {};
}

Result<std::string_view> Call::Decompress(GrpcFrameReader::Frame frame) {
  if (!frame.compressed) return frame.bytes;
  if (!gzip_in_) {
    return std::unexpected(Error(Code::kInternal, "GRPC_FRAME_MALFORMED",
                                 fmt::format("a message is marked as compressed, but the call "
                                             "names no {}",
                                             format_->encoding_header)));
  }
  TRY(Gunzip(frame.bytes, MaxMessageBytes(), decompressed_));
  return decompressed_;
}

Status Call::Parse(std::string_view bytes, google::protobuf::Message& into) const {
  if (format_->json) return ParseJson(bytes, into);
  if (into.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return std::unexpected(Error(Code::kInvalidArgument, "MALFORMED_MESSAGE",
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
      if (connection_ != nullptr) UpdateHeld(true);
      CO_TRY(std::move(parsed));
      co_return true;
    }
    if (request_ended_) {
      if (reader_.buffered() + base64_.pending() != 0) co_return std::unexpected(Truncated());
      co_return false;
    }
    const WakeWhenCancelled cancelled(*this);
    co_await reader_wakeup_;
  }
}

}  // namespace prism::rpc
