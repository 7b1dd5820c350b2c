// The protocols that carry calls on the data port, as a table of what differs between them.
// Sources: gRPC over HTTP2, gRPC-Web, Connect Protocol Reference.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "rpc/server.h"

namespace prism::rpc {

// How a response says that it is complete, and whether well.
enum class CallEnd : std::uint8_t {
  kTrailers,      // gRPC: HTTP trailers
  kTrailerFrame,  // gRPC-Web: a last frame that holds the trailers as text
  kEndFrame,      // Connect streams: a last frame that holds JSON
  kHttpStatus,    // by the HTTP status; the body is the message, or the error as JSON
};

// connect-timeout-ms: 1 to 10 digits. Nothing when malformed.
std::optional<MonoNanos> ParseConnectTimeout(std::string_view text);

struct TimeoutFormat {
  std::string_view header;
  std::optional<MonoNanos> (*parse)(std::string_view text);
  std::string_view reason;  // of the error when it is malformed
  std::string_view advice;
};
extern const TimeoutFormat kGrpcTimeout;
extern const TimeoutFormat kConnectTimeout;

struct CallFormat {
  std::string_view content_type;  // of request and response
  CallEnd end;
  Protocol protocol;
  bool json;  // messages are proto3 JSON instead of protobuf
  // How the deadline is written.
  const TimeoutFormat* timeout;
  // Request headers; the first is also that of the response. Empty: bytes are never compressed.
  std::string_view encoding_header;
  std::string_view accept_header;
  // The body is base64, both ways.
  bool base64 = false;

  // Messages have a prefix of five bytes, so that there can be several.
  bool framed() const { return end != CallEnd::kHttpStatus; }
  bool connect() const { return timeout == &kConnectTimeout; }
};

// By the value of content-type, parameters and letter case aside; nullptr: none of ours.
const CallFormat* FindCallFormat(std::string_view content_type);
// By the beginning of a content type that is none of ours: gRPC or gRPC-Web with messages that are
// not known here, which wants its status in its way (gRPC over HTTP2, "Content-Type"). Else
// nullptr.
const CallFormat* FindGrpcFamily(std::string_view content_type);
// What a call gets whose own format is not known.
const CallFormat& GrpcFormat();
// Requests that are no calls by themselves: resource routes, and what is refused.
const CallFormat& PlainFormat();

}  // namespace prism::rpc
