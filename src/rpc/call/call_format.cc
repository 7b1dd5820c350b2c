#include "rpc/call/call_format.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/strings.h"
#include "base/units.h"
#include "rpc/wire/grpc_metadata.h"

namespace prism::rpc {

constexpr TimeoutFormat kGrpcTimeout = {
    .header = "grpc-timeout",
    .parse = ParseGrpcTimeout,
    .reason = "TIMEOUT_INVALID",
    .advice = "is not up to 8 digits followed by one of H, M, S, m, u, n"};
constexpr TimeoutFormat kConnectTimeout = {
    .header = "connect-timeout-ms",
    .parse = ParseConnectTimeout,
    .reason = "TIMEOUT_INVALID",
    .advice = "is not a number of milliseconds of up to 10 digits"};

namespace {

// As people write durations, since people write these requests.
std::optional<MonoNanos> ParsePlainTimeout(std::string_view text) {
  const auto timeout = base::ParseDuration(text);
  if (!timeout || timeout->count() < 0) return std::nullopt;
  return timeout->count() * kNanosPerMilli;
}

constexpr TimeoutFormat kPlainTimeout = {
    .header = "prism-timeout",
    .parse = ParsePlainTimeout,
    .reason = "TIMEOUT_INVALID",
    .advice = "is no duration: write a number with a unit of ms, s, m, h or d, such as 500ms"};

constexpr CallFormat Grpc(std::string_view content_type, bool json) {
  return {content_type,  CallEnd::kTrailers, Protocol::kGrpc,       json,
          &kGrpcTimeout, "grpc-encoding",    "grpc-accept-encoding"};
}
constexpr CallFormat GrpcWeb(std::string_view content_type, bool json) {
  return {content_type,  CallEnd::kTrailerFrame, Protocol::kGrpcWeb,    json,
          &kGrpcTimeout, "grpc-encoding",        "grpc-accept-encoding"};
}
constexpr CallFormat GrpcWebText(std::string_view content_type) {
  CallFormat format = GrpcWeb(content_type, false);
  format.base64 = true;
  return format;
}
constexpr CallFormat ConnectUnary(std::string_view content_type, bool json) {
  return {content_type,     CallEnd::kHttpStatus, Protocol::kConnect, json,
          &kConnectTimeout, "content-encoding",   "accept-encoding"};
}
constexpr CallFormat ConnectStream(std::string_view content_type, bool json) {
  return {content_type,     CallEnd::kEndFrame,         Protocol::kConnect,       json,
          &kConnectTimeout, "connect-content-encoding", "connect-accept-encoding"};
}

// In order of how often they are asked for.
constexpr std::array kFormats = {
    Grpc("application/grpc", false),
    Grpc("application/grpc+proto", false),
    ConnectUnary("application/json", true),
    ConnectUnary("application/proto", false),
    GrpcWeb("application/grpc-web+proto", false),
    GrpcWeb("application/grpc-web", false),
    ConnectStream("application/connect+json", true),
    ConnectStream("application/connect+proto", false),
    GrpcWebText("application/grpc-web-text"),
    GrpcWebText("application/grpc-web-text+proto"),
    Grpc("application/grpc+json", true),
    GrpcWeb("application/grpc-web+json", true),
};

constexpr CallFormat kPlain = {
    "application/json", CallEnd::kHttpStatus, Protocol::kHttp, false, &kPlainTimeout, "", ""};

}  // namespace

const CallFormat& GrpcFormat() { return kFormats[0]; }
const CallFormat& PlainFormat() { return kPlain; }

const CallFormat* FindCallFormat(std::string_view content_type) {
  // As libraries spell it; what people type may have parameters and capitals.
  for (const CallFormat& format : kFormats) {
    if (format.content_type == content_type) return &format;
  }
  content_type = base::Trim(content_type.substr(0, content_type.find(';')));
  for (const CallFormat& format : kFormats) {
    if (base::EqualsNoCase(content_type, format.content_type)) return &format;
  }
  return nullptr;
}

const CallFormat* FindGrpcFamily(std::string_view content_type) {
  for (const std::string_view web : {"application/grpc-web", "application/grpc-web-text"}) {
    if (content_type.starts_with(web) && content_type.substr(web.size()).starts_with('+')) {
      return FindCallFormat(web);
    }
  }
  if (content_type.starts_with("application/grpc+")) return &GrpcFormat();
  return nullptr;
}

std::optional<MonoNanos> ParseConnectTimeout(std::string_view text) {
  constexpr std::size_t kMaxDigits = 10;
  std::int64_t millis = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), millis);
  if (error != std::errc() || end != text.data() + text.size() || text.size() > kMaxDigits ||
      millis < 0) {
    return std::nullopt;
  }
  return millis * kNanosPerMilli;
}

}  // namespace prism::rpc
