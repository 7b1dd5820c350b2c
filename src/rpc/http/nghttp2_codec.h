// HTTP/2 (RFC 9113) behind HttpCodec.
#pragma once

#include <cstdint>
#include <memory>

#include "rpc/http/http_codec.h"

namespace prism::rpc {

// So much at once, and so much more in each second.
struct FrameAllowance {
  std::uint32_t burst;
  std::uint32_t per_second;
};

struct Http2Limits {
  std::uint32_t max_concurrent_streams = 1024;
  std::uint32_t max_header_list_bytes = 16 * 1024;  // announced; the owner of a stream counts
  std::uint32_t stream_window_bytes = 256 * 1024;   // body bytes in flight or unread, a stream
  std::uint32_t connection_window_bytes = 4u << 20;
  // PING, SETTINGS, PRIORITY, empty DATA and the like, in a second in which nothing was answered.
  std::uint32_t max_idle_frames_per_second = 1000;
  // Streams that the peer resets, or makes us reset by what it sends.
  FrameAllowance resets = {.burst = 2'000, .per_second = 1'000};
  // SETTINGS frames and the entries in them. An honest peer sends one frame, and a few later when
  // it adapts its windows.
  FrameAllowance settings = {.burst = 100, .per_second = 10};
  // Header bytes of one request, decompressed: a few bytes can stand for as many megabytes (RFC
  // 7541 section 7.3). What is above max_header_list_bytes and below this is answered, with a
  // reason; beyond it the connection ends.
  std::uint32_t max_decoded_header_bytes = 64 * 1024;
};

// The memory in which the codecs of a shard write frames by turns: of those that have nothing under
// way none needs any. Life cycle: outlives its codecs. Thread rule: its shard.
class FrameBuffer {
 public:
  FrameBuffer() = default;
  FrameBuffer(const FrameBuffer&) = delete;
  FrameBuffer& operator=(const FrameBuffer&) = delete;
  ~FrameBuffer();

  void** spare() { return &spare_; }

 private:
  void* spare_ = nullptr;  // of nghttp2_idle.h
};

// Without `shared` the codec has a frame buffer of its own.
std::unique_ptr<HttpCodec> MakeNghttp2Codec(HttpEvents& events, const Http2Limits& limits,
                                            FrameBuffer* shared = nullptr);

}  // namespace prism::rpc
