#include "rpc/client_status.h"

#include <fmt/format.h>
#include <google/protobuf/util/time_util.h>

#include <charconv>
#include <map>
#include <optional>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "rpc/grpc_metadata.h"

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

// What grpc-status-details-bin holds; nothing when it is no google.rpc.Status with an ErrorInfo.
std::optional<Error> RichError(Code code, const std::string& bytes) {
  google::rpc::Status status;
  if (!status.ParseFromString(bytes)) return std::nullopt;
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad_request;
  google::rpc::RetryInfo retry;
  for (const google::protobuf::Any& detail : status.details()) {
    // UnpackTo leaves what is of another type alone.
    static_cast<void>(detail.UnpackTo(&info) || detail.UnpackTo(&bad_request) ||
                      detail.UnpackTo(&retry));
  }
  if (info.reason().empty()) return std::nullopt;
  Error error(code, info.reason(), status.message());
  const std::map<std::string, std::string> sorted(info.metadata().begin(), info.metadata().end());
  for (const auto& [key, value] : sorted) error = std::move(error).With(key, value);
  for (const auto& violation : bad_request.field_violations()) {
    error = std::move(error).WithField(violation.field(), violation.description());
  }
  if (retry.has_retry_delay()) {
    error = std::move(error).WithRetryAfter(std::chrono::milliseconds(
        google::protobuf::util::TimeUtil::DurationToMilliseconds(retry.retry_delay())));
  }
  return error;
}

// The error of a numeric grpc-status that is not OK.
Error Decode(Code code, const Headers& block) {
  std::string message = PercentDecode(FindHeader(block, "grpc-message"));
  const std::optional<std::string> details =
      DecodeBase64(FindHeader(block, "grpc-status-details-bin"));
  if (details) {
    if (std::optional<Error> rich = RichError(code, *details)) return *std::move(rich);
  }
  return Error(code, CodeName(code),
               message.empty() ? "the server gave no message" : std::move(message));
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
  if (request_id.empty()) return std::unexpected(error);
  return std::unexpected(std::move(error).With("request_id", std::string(request_id)));
}

}  // namespace prism::rpc
