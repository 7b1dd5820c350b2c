// What both ends of a gRPC call read beside its messages: header values and compressed bytes.
// Whatever we write is read back as it was; what a stranger wrote is read or refused within bounds.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "rpc/wire/grpc_metadata.h"
#include "rpc/wire/gzip.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckTimeout(std::string_view text) {
  const auto timeout = prism::rpc::ParseGrpcTimeout(text);
  if (!timeout) return;
  Require(*timeout >= 0);
  const auto again = prism::rpc::ParseGrpcTimeout(prism::rpc::FormatGrpcTimeout(*timeout));
  Require(again.has_value() && *again >= *timeout);
}

void CheckText(std::string_view bytes) {
  std::string encoded;
  prism::rpc::AppendPercentEncoded(encoded, bytes);
  Require(prism::rpc::PercentDecode(encoded) == bytes);
  Require(prism::rpc::PercentDecode(bytes).size() <= bytes.size());
}

void CheckNames(std::string_view text) {
  const std::string lower = prism::base::LowerCase(text);
  if (!text.contains(',') && !text.empty() && prism::base::Trim(text) == text) {
    Require(prism::base::HasToken(text, lower));
    Require(prism::base::HasToken("gzip, " + std::string(text) + " ,identity", lower));
  }
  Require(prism::base::HasToken(text, "gzip") <= lower.contains("gzip"));
  int status = 0;
  for (const char digit : text.substr(0, 3)) status = status * 10 + (digit - '0');
  Require(prism::rpc::CodeOfHttpStatus(status) != prism::Code::kOk);
  if (prism::rpc::ParseGrpcStatus(text) == prism::Code::kOk) Require(text.ends_with('0'));
}

void CheckGzip(std::string_view bytes) {
  constexpr std::uint64_t kMaxBytes = 64 * 1024;
  std::string packed;
  prism::rpc::Gzip(bytes, packed);
  std::string unpacked;
  Require(prism::rpc::Gunzip(packed, bytes.size(), unpacked).has_value() && unpacked == bytes);
  unpacked.clear();
  if (!bytes.empty()) Require(!prism::rpc::Gunzip(packed, bytes.size() - 1, unpacked));
  unpacked.clear();
  const auto strange = prism::rpc::Gunzip(bytes, kMaxBytes, unpacked);
  Require(!strange || unpacked.size() <= kMaxBytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckTimeout(bytes);
  CheckText(bytes);
  CheckNames(bytes);
  CheckGzip(bytes);
  return 0;
}
