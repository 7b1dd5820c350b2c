// Plain HTTP/1.1 GET for what the admin port serves: health, metrics, version.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/status.h"
#include "rpc/client/client_session.h"
#include "rpc/client/client_target.h"

namespace prism::rpc {

struct HttpReply {
  int status = 0;
  Headers headers;  // names in lower case
  std::string body;
};

// One request on a connection of its own. Every HTTP status is a reply, not an error. At most
// options.max_message_bytes of body: RESOURCE_EXHAUSTED/MESSAGE_TOO_LARGE. Errors of
// Channel::Connect besides, DEADLINE_EXCEEDED, and UNAVAILABLE/NOT_HTTP when something else
// answers.
Result<HttpReply> HttpGet(const ChannelOptions& options, std::string_view path,
                          std::chrono::milliseconds timeout);

// The sans-I/O part: a response that grows as bytes arrive (RFC 9112).
class HttpResponseParser {
 public:
  explicit HttpResponseParser(std::uint64_t max_body) : max_body_(max_body) {}

  // True when the response is complete. `closed`: the server has closed the connection behind these
  // bytes.
  Result<bool> Feed(std::string_view bytes, bool closed);
  HttpReply& reply() { return reply_; }

 private:
  Status ParseHead(std::string_view head);
  Result<bool> TakeChunks();
  Result<bool> TakeSized(std::uint64_t length);
  Status CheckSize(std::uint64_t size) const;

  std::uint64_t max_body_;
  std::string buffer_;
  bool has_head_ = false;
  HttpReply reply_;
};

}  // namespace prism::rpc
