#include "engine/apply_once.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

namespace prism::engine {

Digest RequestIdentity::Id(const contract::CallContext& ctx) const {
  const std::array<std::string_view, 3> parts = {ctx.principal, method, request_id};
  return DigestOf(parts);
}

Digest RequestIdentity::Payload() const {
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

Result<std::optional<base::Buffer>> FindAnswer(DedupStore& dedup, const Digest& id,
                                               const Digest& payload, WallMillis now) {
  TRY_ASSIGN(auto remembered, dedup.Find(id, now));
  if (!remembered) return std::nullopt;
  if (remembered->payload != payload) return std::unexpected(RequestIdReusedError());
  return std::move(remembered->response);
}

Status ReadAnswer(const base::Buffer& bytes, google::protobuf::Message& response) {
  if (response.ParseFromArray(bytes.view().data(), static_cast<int>(bytes.size()))) return {};
  return std::unexpected(
      Error(Code::kDataLoss, "RECORD_DAMAGED",
            "The remembered answer of this request_id can't be read. The write was "
            "done; read the key to see its outcome."));
}

}  // namespace prism::engine
