// An error as gRPC's trailers carry it.
#pragma once

#include <string>

#include "base/status.h"

namespace google::rpc {
class Status;
}

namespace prism::rpc {

// The values of the three trailers. Together they stay below 8 KiB, which is what clients accept by
// default: an overlong message is cut, the details of our own errors have a bound.
struct GrpcStatusText {
  std::string status;   // grpc-status
  std::string message;  // grpc-message, percent-encoded
  std::string details;  // grpc-status-details-bin, google.rpc.Status; empty: none
};
GrpcStatusText WriteGrpcStatus(const google::rpc::Status& status);

// What a call ends with whose time is over.
Error DeadlineExceeded();

}  // namespace prism::rpc
