// An Error as gRPC's trailers carry it.
#pragma once

#include <string>

#include "base/status.h"

namespace prism::rpc {

// The values of the three trailers. Together they stay below 8 KiB, which is what clients accept by
// default: an overlong message is cut, details have a bound of their own.
struct GrpcStatusText {
  std::string status;   // grpc-status
  std::string message;  // grpc-message, percent-encoded
  std::string details;  // grpc-status-details-bin, base64 of google.rpc.Status
};
GrpcStatusText WriteGrpcStatus(const Error& error);

// What a call ends with whose time is over.
Error DeadlineExceeded();

}  // namespace prism::rpc
