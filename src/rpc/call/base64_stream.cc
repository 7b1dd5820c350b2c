#include "rpc/call/base64_stream.h"

#include "base/base64.h"

namespace prism::rpc {

Status Base64Stream::Decode(std::string_view text, std::string& out) {
  out.reserve(out.size() + text.size() / 4 * 3 + 3);
  for (const char c : text) {
    group_[count_++] = c;
    if (count_ < sizeof group_) continue;
    count_ = 0;
    TRY(TakeGroup(out));
  }
  return {};
}

Status Base64Stream::TakeGroup(std::string& out) {
  const auto bytes = base::Base64Decode({group_, sizeof group_});
  if (!bytes) {
    return std::unexpected(
        Error(Code::kInternal, "GRPC_WEB_TEXT_MALFORMED",
              "the request is not base64 with padding: the sender or a proxy corrupts the stream, "
              "or it is binary and its content type should be application/grpc-web"));
  }
  out.append(*bytes);
  return {};
}

void Base64Stream::Reset() { count_ = 0; }

}  // namespace prism::rpc
