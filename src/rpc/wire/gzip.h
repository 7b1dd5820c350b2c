// gzip for gRPC messages, one message at a time (grpc-encoding: gzip).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::rpc {

// Replaces `out` by the compressed bytes, at the level of least CPU: it runs on a shard.
void Gzip(std::string_view bytes, std::string& out);

// Replaces `out` by the decompressed bytes, never holding more than max_bytes of them.
// RESOURCE_EXHAUSTED/MESSAGE_TOO_LARGE beyond it, INTERNAL/GZIP_MALFORMED for anything else.
Status Gunzip(std::string_view bytes, std::uint64_t max_bytes, std::string& out);

}  // namespace prism::rpc
