// Errors as google.rpc.Status: what grpc-status-details-bin carries and what JSON errors are made
// of.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace google::rpc {
class Status;
}

namespace prism::contract {

// Who defines our reasons (google.rpc.ErrorInfo.domain).
inline constexpr std::string_view kErrorDomain = "prism";

// Upper bound of an encoded error, so that it always fits into response headers: gRPC clients take
// 8 KiB by default, and the message is there a second time in grpc-message.
inline constexpr std::size_t kMaxStatusBytes = 3072;

// google.rpc.Status with ErrorInfo{reason, domain, metadata}, BadRequest when fields are named and
// RetryInfo when a retry can help. What would pass kMaxStatusBytes when serialized loses, in this
// order, the last field violations, the metadata, and the end of the message; never code and
// reason.
google::rpc::Status StatusProto(const Error& error);

// The same, serialized; equal errors have equal bytes.
std::string EncodeStatus(const Error& error);

// The error that a client got: `code` and `message` as in grpc-status and grpc-message, `details`
// as in grpc-status-details-bin (decoded, may be empty). Details win; those that are malformed or
// of another domain are ignored, and the reason is then the name of the code.
Error DecodeStatus(Code code, std::string_view message, std::string_view details);

// A number from the wire; UNKNOWN for what is none of the canonical codes.
Code CodeFromNumber(int number);

}  // namespace prism::contract
