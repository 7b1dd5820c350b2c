#include "rpc/call/grpc_status.h"

#include "base/base64.h"
#include "google/rpc/status.pb.h"
#include "rpc/wire/grpc_metadata.h"

namespace prism::rpc {
namespace {

constexpr std::size_t kMaxMessageBytes = 2 * 1024;

}  // namespace

GrpcStatusText WriteGrpcStatus(const google::rpc::Status& status) {
  GrpcStatusText text;
  text.status = std::to_string(status.code());
  AppendPercentEncoded(text.message, status.message());
  if (text.message.size() > kMaxMessageBytes) {
    std::size_t cut = kMaxMessageBytes;
    // Not inside an escape.
    const std::size_t escape = text.message.rfind('%', cut);
    if (escape != std::string::npos && escape + 3 > cut) cut = escape;
    text.message.resize(cut);
  }
  if (!status.details().empty()) {
    text.details = base::Base64EncodeUnpadded(status.SerializeAsString());
  }
  return text;
}

Error DeadlineExceeded() {
  return {
      Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
      "the call was not finished within its deadline: allow more time, or ask for less at once"};
}

}  // namespace prism::rpc
