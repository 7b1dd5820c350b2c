// What Docker's engine sends back: HTTP/1.1, without the socket.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace prism::branching {

struct EngineReply {
  int status = 0;  // of HTTP
  std::string body;
};

// One reply, from bytes as they come.
class EngineReplyReader {
 public:
  EngineReplyReader();
  EngineReplyReader(EngineReplyReader&&) noexcept;
  EngineReplyReader& operator=(EngineReplyReader&&) noexcept;
  ~EngineReplyReader();

  bool done() const;
  // Takes what it can from the front. Here and below: what is wrong, or nothing; it is no HTTP, or
  // its body is larger than 16 MiB.
  std::optional<std::string> Take(std::string& bytes);
  // Nothing comes any more: the end of a reply without a length, and too early for others.
  std::optional<std::string> End();
  // Once it is done.
  EngineReply Release();

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace prism::branching
