// The server side of one HTTP/2 connection (RFC 9113) without I/O: bytes in, events out, responses
// in, bytes out. The interface hides which library speaks the protocol, so that it can be replaced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "rpc/byte_queue.h"
#include "rpc/http2_guard.h"

namespace prism::rpc {

struct HeaderField {
  std::string_view name;  // lower case
  std::string_view value;
  // Keeps values that hardly repeat out of the compression table (RFC 7541 section 6.2.2).
  bool unique = false;
};

// One request and its response. Owned by whoever answers Http2Events::OnStreamStart; must live
// until OnClose. The events come from inside Http2Codec::OnBytes, Produce and Abandon: they must
// not call these.
class Http2Stream {
 public:
  Http2Stream() = default;
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;
  virtual ~Http2Stream() = default;

  // Pseudo-headers included; valid during the call. Trailers of the request are not reported.
  virtual void OnHeader(std::string_view name, std::string_view value) = 0;
  // All headers are there and valid (RFC 9113 section 8.1.1); `end` when no body follows.
  virtual void OnHeadersEnd(bool end) = 0;
  // A part of the body; valid during the call. `last` when the request ends with it. Bytes that are
  // not the last hold back the peer's sending until Http2Codec::Consume.
  virtual void OnData(std::string_view bytes, bool last) = 0;
  // The request is complete; not called when OnHeadersEnd or OnData said so already.
  virtual void OnEnd() = 0;
  // `count` bytes of `body` have left.
  virtual void OnBodyTaken(std::size_t count) = 0;
  // The last event; the codec has forgotten the stream.
  virtual void OnClose(Http2Error error) = 0;
  // Asked once, when the body has ended and left; empty: the response ends without trailers.
  virtual std::span<const HeaderField> Trailers() = 0;

  std::int32_t id = 0;      // set by the codec
  ByteQueue body;           // of the response
  bool body_ended = false;  // nothing more will be appended to `body`
};

// Events of the connection.
class Http2Events {
 public:
  // A request begins. nullptr refuses it in a way that lets the client retry it elsewhere.
  virtual Http2Stream* OnStreamStart(std::int32_t id) = 0;
  // The answer to Http2Codec::Ping.
  virtual void OnPong() = 0;

 protected:
  ~Http2Events() = default;
};

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

// Thread rule: the shard of its connection.
class Http2Codec {
 public:
  Http2Codec() = default;
  Http2Codec(const Http2Codec&) = delete;
  Http2Codec& operator=(const Http2Codec&) = delete;
  virtual ~Http2Codec() = default;

  // Takes what the peer sent. False: the peer broke the protocol, or ends; send what Produce has,
  // then close.
  virtual bool OnBytes(std::string_view bytes, MonoNanos now) = 0;
  // Appends what is to be sent to `out`, until it has reached `limit` bytes (one frame more at
  // most).
  virtual void Produce(std::string& out, std::size_t limit) = 0;
  // True when Produce would append something.
  virtual bool wants_write() const = 0;
  // True when nothing more can come or go, after an error or a drain.
  virtual bool finished() const = 0;

  // Names and values must stay valid until the stream's OnClose. `end`: the response is complete
  // with these headers; otherwise `body` and then Trailers() follow. Once a stream.
  virtual void Respond(Http2Stream& stream, std::span<const HeaderField> headers, bool end) = 0;
  // The body has grown or ended.
  virtual void ResumeBody(Http2Stream& stream) = 0;
  // Lets the peer send `count` body bytes more.
  virtual void Consume(Http2Stream& stream, std::size_t count) = 0;
  virtual void Reset(Http2Stream& stream, Http2Error error) = 0;

  virtual void Ping() = 0;
  // Announces that the connection will end (GOAWAY with the highest id): nothing is refused yet.
  virtual void AnnounceDrain() = 0;
  // Refuses further streams; what has begun goes on. finished() becomes true after the last one.
  virtual void Drain() = 0;
  // Ends the connection with a reason.
  virtual void Terminate(Http2Error error) = 0;
};

std::unique_ptr<Http2Codec> MakeNghttp2Codec(Http2Events& events, const Http2Limits& limits);

}  // namespace prism::rpc
