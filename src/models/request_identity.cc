#include "models/request_identity.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <array>
#include <string>

namespace prism::models {
namespace {

Digest PayloadOf(const google::protobuf::Message& request) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);  // maps in one order
    request.SerializeToCodedStream(&out);
  }
  const std::array<std::string_view, 1> parts = {bytes};
  return DigestOf(parts);
}

}  // namespace

WriteIdentity RequestIdentity::Make(const contract::CallContext& ctx,
                                    std::int64_t window_ms) const {
  const std::array<std::string_view, 3> parts = {ctx.principal, method, request_id};
  return {.id = DigestOf(parts), .payload = PayloadOf(request), .expires_at = ctx.now + window_ms};
}

Status ReadAnswer(std::string_view bytes, google::protobuf::Message& response) {
  if (response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return std::unexpected(
      Error(Code::kDataLoss, "RECORD_DAMAGED",
            "The remembered answer of this request_id can't be read. The write was "
            "done; read the key to see its outcome."));
}

}  // namespace prism::models
