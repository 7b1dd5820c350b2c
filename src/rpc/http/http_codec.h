// The server side of one HTTP connection without I/O: bytes in, events out, responses in, bytes
// out. The interface hides the version of HTTP and the library that speaks it. Its words are those
// of HTTP/2 (RFC 9113): streams, pseudo-headers, windows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "rpc/http/byte_queue.h"
#include "rpc/http/http_error.h"

namespace prism::rpc {

enum class HttpVersion : std::uint8_t { kNone, kHttp1, kHttp2 };  // kNone: not known yet

struct HeaderField {
  std::string_view name;  // lower case
  std::string_view value;
  // Keeps values that hardly repeat out of the compression table (RFC 7541 section 6.2.2).
  bool unique = false;
};

// Why a codec can't read a request any further. Text is of literals.
struct HttpRefusal {
  Code code = Code::kInvalidArgument;
  std::string_view status = {};  // of HTTP; empty: nothing is wrong
  std::string_view reason = {};
  std::string_view advice = {};
  bool answered = true;  // false: the connection ends without a word

  explicit operator bool() const { return !status.empty(); }
};

// One request and its response. Owned by whoever answers HttpEvents::OnStreamStart; must live
// until OnClose. The events come from inside HttpCodec::OnBytes and Produce: they must not call
// these.
class HttpStream {
 public:
  HttpStream() = default;
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;
  virtual ~HttpStream() = default;

  // Pseudo-headers included; valid during the call. Trailers of the request are not reported.
  virtual void OnHeader(std::string_view name, std::string_view value) = 0;
  // All headers are there and valid (RFC 9113 section 8.1.1); `end` when no body follows.
  virtual void OnHeadersEnd(bool end) = 0;
  // A part of the body; valid during the call. `last` when the request ends with it. Bytes that are
  // not the last hold back the peer's sending until HttpCodec::Consume.
  virtual void OnData(std::string_view bytes, bool last) = 0;
  // The request is complete; not called when OnHeadersEnd or OnData said so already.
  virtual void OnEnd() = 0;
  // The request can't be read any further, and nothing behind it will be: Respond at once, with all
  // of the body, or the connection ends without an answer. Comes instead of OnHeadersEnd, after
  // those headers that could be read, or later. Only over HTTP/1.1: HTTP/2 resets streams.
  virtual void OnUnreadable(const HttpRefusal& why) = 0;
  // `count` bytes of `body` have left.
  virtual void OnBodyTaken(std::size_t count) = 0;
  // The last event; the codec has forgotten the stream.
  virtual void OnClose(HttpError error) = 0;
  // Asked once, when the body has ended and left; empty: the response ends without trailers.
  virtual std::span<const HeaderField> Trailers() = 0;

  std::int32_t id = 0;      // set by the codec
  ByteQueue body;           // of the response
  bool body_ended = false;  // nothing more will be appended to `body`
};

// Events of the connection.
class HttpEvents {
 public:
  // A request begins. nullptr refuses it in a way that lets the client retry it elsewhere; over
  // HTTP/1.1 that is the end of the connection.
  virtual HttpStream* OnStreamStart(std::int32_t id) = 0;
  // The answer to HttpCodec::Ping.
  virtual void OnPong() = 0;

 protected:
  ~HttpEvents() = default;
};

// Thread rule: the shard of its connection.
class HttpCodec {
 public:
  HttpCodec() = default;
  HttpCodec(const HttpCodec&) = delete;
  HttpCodec& operator=(const HttpCodec&) = delete;
  virtual ~HttpCodec() = default;

  // Takes what the peer sent. False: the peer broke the protocol, or ends; send what Produce has,
  // then close.
  virtual bool OnBytes(std::string_view bytes, MonoNanos now) = 0;
  // Appends what is to be sent to `out`, until it has reached `limit` bytes (one frame more at
  // most).
  virtual void Produce(std::string& out, std::size_t limit) = 0;
  // True when Produce would append something, or report what has waited.
  virtual bool wants_write() const = 0;
  // False while so much of what came waits for Consume, or for the answer to what came before,
  // that the peer must not be read from. Never false over HTTP/2, whose windows say it to the peer.
  virtual bool wants_read() const = 0;
  // What was read and could not be looked at yet.
  virtual std::size_t buffered_bytes() const { return 0; }
  // True when nothing more can come or go, after an error or a drain.
  virtual bool finished() const = 0;
  // What was sent last is a part of an answer, and no more of it will follow.
  virtual bool cut_short() const { return false; }
  // The peer has broken the rules of the protocol, which ends the connection.
  virtual bool broken() const = 0;

  // Since when the peer owes the rest of a request's head, or of what stands before one; 0: it does
  // not.
  virtual MonoNanos head_since() const = 0;
  // The peer has owed it for too long: refuses it and ends the connection.
  virtual void TimeOutHead() = 0;
  // The peer sends no more: no further request begins, and finished() becomes true after the last
  // answer.
  virtual void EndInput() = 0;
  // Whether more of this request is to come from the peer.
  virtual bool IsIncomplete(const HttpStream& stream) const = 0;

  // Names and values must stay valid until the stream's OnClose. `end`: the response is complete
  // with these headers; otherwise `body` and then Trailers() follow. Once a stream.
  virtual void Respond(HttpStream& stream, std::span<const HeaderField> headers, bool end) = 0;
  // The body has grown or ended.
  virtual void ResumeBody(HttpStream& stream) = 0;
  // Lets the peer send `count` body bytes more.
  virtual void Consume(HttpStream& stream, std::size_t count) = 0;
  virtual void Reset(HttpStream& stream, HttpError error) = 0;

  // Asks the peer for a sign of life. False: this version of HTTP has none.
  virtual bool Ping() = 0;
  // Announces that the connection will end (GOAWAY with the highest id): nothing is refused yet.
  virtual void AnnounceDrain() = 0;
  // Refuses further streams; what has begun goes on. finished() becomes true after the last one.
  virtual void Drain() = 0;
  // Ends the connection with a reason.
  virtual void Terminate(HttpError error) = 0;
};

}  // namespace prism::rpc
