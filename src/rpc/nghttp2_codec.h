// HTTP/2 (RFC 9113) behind HttpCodec.
#pragma once

#include <cstdint>
#include <memory>

#include "rpc/http_codec.h"

namespace prism::rpc {

struct Http2Limits {
  std::uint32_t max_concurrent_streams = 1024;
  std::uint32_t max_header_list_bytes = 16 * 1024;  // announced; the owner of a stream counts
  std::uint32_t stream_window_bytes = 256 * 1024;   // body bytes in flight or unread, a stream
  std::uint32_t connection_window_bytes = 4u << 20;
  // PING, SETTINGS, PRIORITY, empty DATA and the like, in a second in which nothing was answered.
  std::uint32_t max_idle_frames_per_second = 1000;
  // Streams that the peer resets: a burst, and what is restored in a second.
  std::uint32_t reset_burst = 10'000;
  std::uint32_t resets_per_second = 1'000;
};

std::unique_ptr<HttpCodec> MakeNghttp2Codec(HttpEvents& events, const Http2Limits& limits);

}  // namespace prism::rpc
