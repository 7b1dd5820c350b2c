// The response side of Call.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/base64.h"
#include "contract/status_proto.h"
#include "google/rpc/status.pb.h"
#include "rpc/call/call.h"
#include "rpc/call/call_connection.h"
#include "rpc/call/connect_error.h"
#include "rpc/json/json_codec.h"
#include "rpc/wire/gzip.h"

namespace prism::rpc {
namespace {

// A stream's writer waits while this much of what it wrote has not left.
constexpr std::size_t kHighWaterBytes = 64 * 1024;
// Below this size compressing costs more than it saves.
constexpr std::size_t kMinGzipBytes = 1024;
// Flags of a frame, beside 0.
constexpr std::uint8_t kCompressed = 0x01;
constexpr std::uint8_t kConnectEnd = 0x02;
constexpr std::uint8_t kWebTrailers = 0x80;
constexpr HeaderField kOk{.name = "grpc-status", .value = "0"};

HeaderField Field(HeaderList::Entry added) {
  // Values of some length are ids and the like, which hardly repeat.
  constexpr std::size_t kRepeating = 16;
  return {.name = added.name, .value = added.value, .unique = added.value.size() > kRepeating};
}

}  // namespace

Status Call::Alive() {
  const runtime::CancelReason reason = context_->cancel().reason();
  if (reason == runtime::CancelReason::kDeadline) return std::unexpected(DeadlineExceeded());
  if (reason != runtime::CancelReason::kNone || !stream_open_) {
    return std::unexpected(
        Error(Code::kCancelled, "CALL_CANCELLED", "the client has gone, or the server stops"));
  }
  return {};
}

// All of the call is there until its answer has been taken, a large one twice: as the message and
// as the body.
void Call::HoldAnswer() {
  if (body.size() >= kLargeBytes) {
    connection_->OnLargeAnswer();
    connection_->OnHeld(held_, held_ + body.size());
    held_ += body.size();
  }
  answered_held_ = held_;
  connection_->OnAnswered(held_);
}

// Decides the end of the response. False when it has been decided before, or nobody listens.
bool Call::Answer() {
  if (std::exchange(answered_, true)) return false;
  Disarm();
  answered_at_ = shard_.shard().turn_time();
  taken_ = 0;
  if (connection_ != nullptr) HoldAnswer();
  return stream_open_;
}

void Call::AddHeader(std::string_view name, std::string_view value) {
  if (headers_sent_) return;
  added_.Append(name, value);
}

void Call::AddTrailer(std::string_view name, std::string_view value) {
  if (!answered_) added_trailers_.Append(name, value);
}

void Call::Respond(const google::protobuf::Message& response) {
  if (!answered_ && stream_open_) {
    if (Status written = AppendMessage(response); !written) return Fail(written.error());
  }
  if (!Answer()) return;
  AppendEnd(nullptr);
  body_ended = true;
  SendHeaders(false);
}

void Call::Finish() {
  if (!Answer()) return;
  AppendEnd(nullptr);
  body_ended = true;
  if (!headers_sent_) return SendHeaders(false);
  FlushBody();
}

void Call::Fail(const Error& cause) {
  if (!Answer()) return;
  if (format_ == nullptr) format_ = &GrpcFormat();  // its headers have not come
  if (!format_->framed() && !headers_sent_) SetHttpStatus(cause);
  names_request_ = true;
  const Error error = Error(cause).With("request_id", std::string(context_->request_id.text()));
  EndWith(shard_.dispatcher().StatusOf(error));
  if (!running_) shard_.dispatcher().OnRefused(method_, *this, cause);
}

void Call::FailWith(const google::rpc::Status& status) {
  if (!Answer()) return;
  names_request_ = true;
  EndWith(status);
}

void Call::EndWith(const google::rpc::Status& status) {
  if (!format_->framed()) return EndHttp(status);
  if (format_->end != CallEnd::kEndFrame) {
    SetTrailers(&status);
    // Headers stay apart: clients take all of "Trailers-Only" for trailers.
    if (!headers_sent_ && added_.empty()) return SendHeaders(true);
  }
  AppendEnd(&status);
  body_ended = true;
  if (!headers_sent_) return SendHeaders(false);
  FlushBody();
}

void Call::FlushBody() {
  connection_->codec().ResumeBody(*this);
  connection_->MarkOutput();
}

void Call::SetHttpStatus(const Error& error) {
  if (http_status_.empty() && route_ != nullptr) http_status_ = route_->StatusOf(error);
  if (const auto delay = error.retry_after()) {
    // In whole seconds (RFC 9110 section 10.2.3); the details have it to the millisecond.
    AddHeader("retry-after",
              std::to_string(std::chrono::ceil<std::chrono::seconds>(*delay).count()));
  }
}

// The HTTP status is the code, the body says why. Behind the lines of a resource that came in parts
// it is a last line.
void Call::EndHttp(const google::rpc::Status& status) {
  body_ended = true;
  if (headers_sent_) {
    AppendBody(ConnectEndJson(&status, {}));
    AppendBody("\n");
    return FlushBody();
  }
  if (http_status_.empty()) http_status_ = HttpStatusOf(contract::CodeFromNumber(status.code()));
  content_type_ = "application/json";
  AppendFrame(0, ConnectErrorJson(status));
  AppendEnd(&status);
  SendHeaders(false);
}

runtime::Task<Status> Call::Write(const google::protobuf::Message& message) {
  CO_TRY(Alive());
  CO_TRY(AppendMessage(message));
  if (verb_ == "HEAD") {  // its headers go out when it is known how the stream ended
    DropBody();
    co_return Status{};
  }
  if (!headers_sent_) {
    first_message_at_ = shard_.shard().turn_time();
    SendHeaders(false);
  } else {
    FlushBody();
  }
  while (body.size() > kHighWaterBytes) {
    const WakeWhenCancelled cancelled(*this);
    co_await writer_wakeup_;
    CO_TRY(Alive());
  }
  co_return Status{};
}

Status Call::AppendMessage(const google::protobuf::Message& message) {
  if (route_ != nullptr) return resource_.to_reply(Resource(), message, *this);
  if (format_->json) {
    std::string text;
    TRY(WriteJson(message, text));
    AppendEncoded(text);
    return {};
  }
  const std::size_t size = message.ByteSizeLong();
  if (format_->base64 || (gzip_out_ && size >= kMinGzipBytes)) {
    AppendEncoded(message.SerializeAsString());
    return {};
  }
  const std::size_t prefix = format_->framed() ? kGrpcPrefixBytes : 0;
  body.Append(prefix + size, [&](char* out) {
    if (prefix != 0) WriteGrpcPrefix(out, 0, static_cast<std::uint32_t>(size));
    message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(out + prefix));
  });
  OnBodyQueued(prefix + size);
  return {};
}

void Call::AppendEncoded(std::string_view bytes) {
  if (!gzip_out_ || bytes.size() < kMinGzipBytes) return AppendFrame(0, bytes);
  std::string compressed;
  Gzip(bytes, compressed);
  body_gzip_ = true;
  AppendFrame(kCompressed, compressed);
}

void Call::OnBodyQueued(std::size_t count) {
  bytes_out_ += count;
  connection_->OnBodyQueued(count);
}

void Call::AppendBody(std::string_view bytes) {
  body.Append(bytes);
  OnBodyQueued(bytes.size());
}

// Without a prefix when the body is the message. In base64 each frame is a piece with its own
// padding, so that what has been sent can be read.
void Call::AppendFrame(std::uint8_t flags, std::string_view bytes) {
  if (format_->base64) {
    std::string frame(kGrpcPrefixBytes, '\0');
    WriteGrpcPrefix(frame.data(), flags, static_cast<std::uint32_t>(bytes.size()));
    return AppendBody(base::Base64Encode(frame.append(bytes)));
  }
  const std::size_t before = body.size();
  if (format_->framed()) {
    body.Append(kGrpcPrefixBytes, [&](char* out) {
      WriteGrpcPrefix(out, flags, static_cast<std::uint32_t>(bytes.size()));
    });
  }
  body.Append(bytes);
  OnBodyQueued(body.size() - before);
}

// The end of a response, with its trailers; nullptr: it ended well.
void Call::AppendEnd(const google::rpc::Status* status) {
  switch (format_->end) {
    case CallEnd::kTrailers:
      if (status == nullptr) SetTrailers(nullptr);
      break;
    case CallEnd::kTrailerFrame: {
      if (status == nullptr) SetTrailers(nullptr);
      std::string text;
      for (const HeaderField& field : StatusTrailers()) {
        text.append(field.name).append(": ").append(field.value).append("\r\n");
      }
      AppendFrame(kWebTrailers, text);
      break;
    }
    case CallEnd::kEndFrame:
      AppendFrame(kConnectEnd, ConnectEndJson(status, added_trailers_));
      break;
    case CallEnd::kHttpStatus:
      for (std::size_t i = 0; i < added_trailers_.size(); ++i) {
        AddHeader(fmt::format("trailer-{}", added_trailers_[i].name), added_trailers_[i].value);
      }
  }
}

// With `end` the status is part of the headers ("Trailers-Only").
void Call::SendHeaders(bool end) {
  headers_sent_ = true;
  response_fields_.push_back({":status", http_status_.empty() ? "200" : http_status_});
  if (format_ == &PlainFormat()) {
    end |= SetPlainHeaders();
  } else {
    response_fields_.push_back(
        {"content-type", content_type_.empty() ? format_->content_type : content_type_});
  }
  if (format_->framed() ? gzip_out_ && !end : body_gzip_) {
    response_fields_.push_back({format_->encoding_header, "gzip"});
  }
  if (names_request_) {
    response_fields_.push_back(
        {.name = "x-request-id", .value = context_->request_id.text(), .unique = true});
  }
  // No page can make a gRPC call, so that gRPC pays nothing for the pages.
  if (format_->end != CallEnd::kTrailers) shard_.cors().AppendTo(headers_, response_fields_);
  for (std::size_t i = 0; i < added_.size(); ++i) response_fields_.push_back(Field(added_[i]));
  if (end) response_fields_.insert(response_fields_.end(), trailers_.begin(), trailers_.end());
  connection_->codec().Respond(*this, response_fields_, end);
  connection_->MarkOutput();
}

// Of an answer that is no call's: its length, when known, also where the body stays away (RFC 9110
// section 8.6). True when no body follows.
bool Call::SetPlainHeaders() {
  const bool head = verb_ == "HEAD";
  const bool without = body_ended && body.empty();
  if (http_status_ != "204" && http_status_ != "304") {
    if (!content_type_.empty()) response_fields_.push_back({"content-type", content_type_});
    // What a stream would have sent is not known.
    const bool streams = method_ != nullptr && method_->kind != contract::StreamKind::kUnary;
    if (body_ended && !(head && streams)) {
      length_text_ = std::to_string(body.size());
      response_fields_.push_back({"content-length", length_text_});
    }
  }
  if (head) DropBody();
  return head || without;
}

void Call::DropBody() {
  connection_->OnBodyGone(body.size());
  body.Clear();
}

// Nothing more may be added afterwards.
void Call::SetTrailers(const google::rpc::Status* status) {
  if (status != nullptr) {
    status_ = WriteGrpcStatus(*status);
    trailers_.push_back({.name = "grpc-status", .value = status_.status});
    trailers_.push_back({.name = "grpc-message", .value = status_.message, .unique = true});
    if (!status_.details.empty()) {
      trailers_.push_back(
          {.name = "grpc-status-details-bin", .value = status_.details, .unique = true});
    }
  } else if (!added_trailers_.empty()) {
    trailers_.push_back(kOk);
  }
  for (std::size_t i = 0; i < added_trailers_.size(); ++i) {
    trailers_.push_back(Field(added_trailers_[i]));
  }
}

std::span<const HeaderField> Call::StatusTrailers() const {
  if (trailers_.empty()) return {&kOk, 1};
  return trailers_;
}

std::span<const HeaderField> Call::Trailers() {
  if (format_ == nullptr || format_->end != CallEnd::kTrailers) return {};
  return StatusTrailers();
}

void Call::OnBodyTaken(std::size_t count) {
  connection_->OnBodyGone(count);
  taken_ += count;
  if (running_ && !answered_ && body.size() <= kHighWaterBytes) Queue(kWakeWriter);
}

}  // namespace prism::rpc
