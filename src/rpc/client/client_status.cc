#include "rpc/client/client_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/base64.h"
#include "contract/status_proto.h"
#include "rpc/wire/grpc_metadata.h"

namespace prism::rpc {
namespace {

// RFC 9113 section 7, as far as gRPC gives the codes a meaning.
constexpr std::uint32_t kRefusedStream = 0x7;
constexpr std::uint32_t kCancel = 0x8;
constexpr std::uint32_t kEnhanceYourCalm = 0xb;
constexpr std::uint32_t kInadequateSecurity = 0xc;

Code CodeOfReset(std::uint32_t error_code) {
  switch (error_code) {
    case kRefusedStream:
      return Code::kUnavailable;
    case kCancel:
      return Code::kCancelled;
    case kEnhanceYourCalm:
      return Code::kResourceExhausted;
    case kInadequateSecurity:
      return Code::kPermissionDenied;
    default:
      return Code::kInternal;
  }
}

// A stream that ended without grpc-status.
Error WithoutStatus(const Http2ClientSession::Stream& stream) {
  const std::string_view status = FindHeader(stream.headers, ":status");
  int http = 0;
  std::from_chars(status.data(), status.data() + status.size(), http);
  if (http != 0 && http != 200) {
    return Error(
        CodeOfHttpStatus(http), "HTTP_STATUS",
        fmt::format(
            "the answer is plain HTTP with status {}: check that the address is a gRPC port of a "
            "Prism server, and what proxies are in between",
            http));
  }
  if (stream.error_code == kRefusedStream) {
    return Error(Code::kUnavailable, "STREAM_REFUSED",
                 "the server took no new call, it may be stopping: try again");
  }
  return Error(
      CodeOfReset(stream.error_code), "STREAM_RESET",
      fmt::format(
          "the server broke the call off without saying why (HTTP/2 error {}); its log may tell",
          stream.error_code));
}

// The error of a grpc-status that is not OK.
Error Decode(Code code, const Headers& block) {
  const std::optional<std::string> details =
      base::Base64Decode(FindHeader(block, "grpc-status-details-bin"));
  const std::string message = PercentDecode(FindHeader(block, "grpc-message"));
  return contract::DecodeStatus(code, message.empty() ? "the server gave no message" : message,
                                details.value_or(""));
}

}  // namespace

Status EndOfCall(const Http2ClientSession::Stream& stream) {
  // An answer without messages has everything in its only header block.
  const bool in_trailers = !FindHeader(stream.trailers, "grpc-status").empty();
  const Headers& block = in_trailers ? stream.trailers : stream.headers;
  const std::string_view text = FindHeader(block, "grpc-status");
  if (text.empty()) return std::unexpected(WithoutStatus(stream));

  const Code code = ParseGrpcStatus(text);
  if (code == Code::kOk) return {};
  Error error = Decode(code, block);
  const std::string_view request_id = FindHeader(stream.headers, "x-request-id");
  const bool known = std::ranges::any_of(
      error.metadata(), [](const auto& pair) { return pair.first == "request_id"; });
  if (request_id.empty() || known) return std::unexpected(error);
  return std::unexpected(std::move(error).With("request_id", std::string(request_id)));
}

}  // namespace prism::rpc
