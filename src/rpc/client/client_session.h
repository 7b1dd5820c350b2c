// HTTP/2 as a client, without I/O: bytes in, bytes out, streams in between (RFC 9113, by nghttp2).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace prism::rpc {

// Names in lower case, in order of arrival.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of that name, empty when there is none.
std::string_view FindHeader(const Headers& headers, std::string_view name);

// One connection's protocol state. The owner feeds what the socket gave (Receive), sends what
// Produce gives, and looks at streams in between. Body bytes count against the stream's window (1
// MiB) until Consume, so a stream that is not read stops its sender; the connection's window is
// given back at once, so that it stops no other stream. Thread rule: one thread at a time.
class Http2ClientSession {
 public:
  struct Stream {
    Headers headers;  // final response headers, ":status" included; informational ones are dropped
    Headers trailers;
    std::string body;  // received, not yet consumed
    bool has_headers = false;
    bool closed = false;  // nothing more comes or goes
    // RFC 9113 section 7; meaningful when closed. REFUSED_STREAM: the server has not touched the
    // request.
    std::uint32_t error_code = 0;
  };

  Http2ClientSession();
  ~Http2ClientSession();
  Http2ClientSession(const Http2ClientSession&) = delete;
  Http2ClientSession& operator=(const Http2ClientSession&) = delete;

  // Takes what the socket gave. UNAVAILABLE/NOT_HTTP2 when the peer breaks the protocol: close
  // then.
  Status Receive(std::string_view bytes);
  // Appends what must be sent; stops when `out` has reached `limit` bytes.
  Status Produce(std::string& out, std::size_t limit);
  // False when there is nothing to send and nothing to expect: the connection is over.
  bool alive() const;
  // False when new streams would be refused: after GOAWAY, or when stream ids have run out.
  bool accepts_streams() const;

  // Starts a stream; headers are sent with the next Produce. UNAVAILABLE/CONNECTION_CLOSING when
  // none is accepted.
  Result<std::int32_t> Open(const Headers& request_headers);
  // Queues body bytes; they leave as the peer's windows permit.
  void Write(std::int32_t id, std::string_view bytes);
  // No more body follows.
  void Finish(std::int32_t id);
  // Body bytes that wait for a window or for Produce.
  std::size_t unsent(std::int32_t id) const;
  // Tells the peer to stop; `error_code` as in RFC 9113 section 7.
  void Reset(std::int32_t id, std::uint32_t error_code);

  // nullptr when unknown or forgotten. Valid until Forget.
  const Stream* Find(std::int32_t id) const;
  // Hands over everything received so far and opens the window again.
  std::string TakeBody(std::int32_t id);
  // Drops the state of a stream; resets it when it is still open.
  void Forget(std::int32_t id);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace prism::rpc
