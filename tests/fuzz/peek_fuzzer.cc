// Requests as they come from strangers: what the gateway reads of them before it parses anything
// must be what protobuf reads, and what clients read of a server's error must survive anything.

#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "contract/peek.h"
#include "contract/status_proto.h"
#include "grpc/health/v1/health.pb.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace {

// Each string that is no UTF-8 would be reported on stderr.
void Silence() { static const google::protobuf::LogSilencer silencer; }

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Silence();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto peeked = prism::contract::PeekNamespace(bytes);

  // It has field 1 and nothing else that protobuf would look into: both must agree in everything.
  grpc::health::v1::HealthCheckRequest flat;
  const bool accepted = flat.ParseFromArray(data, static_cast<int>(size));
  Require(accepted == peeked.has_value());
  if (accepted) Require(*peeked == flat.service());

  prism::keyvalue::v1::BatchSetRequest nested;
  if (nested.ParseFromArray(data, static_cast<int>(size))) {
    Require(peeked && *peeked == nested.namespace_());
  }

  using prism::Code;
  const prism::Error error = prism::contract::DecodeStatus(Code::kUnknown, "", bytes);
  Require(error.code() != Code::kOk && !error.reason().empty());
  Require(prism::contract::EncodeStatus(error).size() <= prism::contract::kMaxStatusBytes);
  return 0;
}
