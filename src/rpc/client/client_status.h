// How a gRPC call ended, read from what the server sent.
#pragma once

#include "base/status.h"
#include "rpc/client/client_session.h"

namespace prism::rpc {

// Of a stream that has ended: success, or the error with reason, metadata and details as the server
// gave them (grpc-status, grpc-message, grpc-status-details-bin). Without grpc-status the code is
// derived from the HTTP status or the reset, as gRPC prescribes (doc/http-grpc-status-mapping.md,
// PROTOCOL-HTTP2.md "Errors"). The response's x-request-id becomes the metadata "request_id".
Status EndOfCall(const Http2ClientSession::Stream& stream);

}  // namespace prism::rpc
