// HTTP/1.1 and 1.0 (RFC 9112) behind HttpCodec: one request at a time, a connection's requests one
// after the other.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "rpc/http/http_codec.h"

namespace prism::rpc {

struct Http1Limits {
  std::size_t max_request_line_bytes = 8 * 1024;  // 414 beyond it; less than max_head_bytes
  std::size_t max_head_bytes = 16 * 1024;         // request line and fields; 431 beyond it
  std::size_t max_fields = 128;                   // of a head, or of trailers; 431 beyond it
  std::size_t max_chunk_line_bytes = 256;         // a chunk's size with its extensions
  std::size_t window_bytes = 256 * 1024;          // body bytes that were reported, not consumed
  std::size_t max_buffered_bytes = 64 * 1024;     // wants_read() is false while this much waits
};

// `scheme` is reported as ":scheme" and must outlive the codec. The first bytes were not HTTP/2's
// preface: whoever makes the codec has looked.
std::unique_ptr<HttpCodec> MakeHttp1Codec(HttpEvents& events, const Http1Limits& limits,
                                          std::string_view scheme = "http");

}  // namespace prism::rpc
