// Pure functions over gRPC's headers and trailers, for server and client.
// Sources: gRPC over HTTP2 (requests, responses), gRPC "HTTP to gRPC Status Code Mapping".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace prism::rpc {

// grpc-message: printable ASCII but '%' stands for itself, everything else is %XX.
void AppendPercentEncoded(std::string& out, std::string_view text);
// Never fails: a broken escape stands for itself, as the specification demands.
std::string PercentDecode(std::string_view text);

// grpc-timeout: 1 to 8 digits and one of H M S m u n. Nothing when malformed; what does not fit
// saturates.
std::optional<MonoNanos> ParseGrpcTimeout(std::string_view text);
// Rounded up to the next representable value, so that the receiver never gives up first by
// rounding. Zero and less become "1n".
std::string FormatGrpcTimeout(MonoNanos timeout);

// What a client makes of a response without grpc-status.
Code CodeOfHttpStatus(int http_status);
// A grpc-status value; UNKNOWN when it is not one of the canonical codes.
Code ParseGrpcStatus(std::string_view text);

}  // namespace prism::rpc
