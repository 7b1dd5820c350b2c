// Replies of Redis, from bytes to parts (RESP2, by hiredis' reader). Without I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "backends/redis/reply.h"
#include "base/status.h"

// Of hiredis.
struct redisReader;    // NOLINT(readability-identifier-naming)
struct redisReadTask;  // NOLINT(readability-identifier-naming)

namespace prism::backends {

// What one reply may be, however much the server sends.
struct ReplyLimits {
  std::size_t max_bytes = std::size_t{64} * 1024 * 1024;  // of one bulk
  std::size_t max_parts = std::size_t{1} << 20;           // of one reply, all depths together
};

// Life cycle: one for each connection, destroyed with it. After an error nothing more is read.
// Thread rule: one thread at a time.
class ReplyReader {
 public:
  enum class Outcome : std::uint8_t {
    kMore,      // the reply is not whole yet
    kReply,     // the sink has got one
    kRefused,   // the reply is an error of the server: error_text()
    kUnwanted,  // one that the sink did not take
  };

  explicit ReplyReader(ReplyLimits limits);
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;
  ~ReplyReader();

  // What the socket gave; in pieces of kPiece or less the buffer stays small.
  static constexpr std::size_t kPiece = std::size_t{8} * 1024;
  Status Feed(std::string_view bytes);
  // Reads on in the reply that is begun, or the next one. Its parts go to the sink as they come; a
  // reply may be continued with another sink. UNAVAILABLE/BACKEND_PROTOCOL when this is not the
  // protocol, or when a limit is passed.
  Result<Outcome> Read(ReplySink& sink);
  // Of the last kRefused: what the server said, until the next Read.
  const std::string& error_text() const { return error_text_; }
  // Bytes of replies that are not whole.
  std::size_t pending() const;

 private:
  void Begin();
  // As hiredis calls them; they don't throw.
  static void* TakeString(const redisReadTask* task, char* text, std::size_t size);
  static void* TakeArray(const redisReadTask* task, int elements);
  static void* TakeInteger(const redisReadTask* task, long long value);
  static void* TakeNil(const redisReadTask* task);
  void* Take(const redisReadTask* task, ReplyPart part);
  bool AnnouncesTooMuch() const;
  Error Violation() const;

  ReplyLimits limits_;
  redisReader* reader_ = nullptr;
  std::size_t largest_ = 0;    // that its buffer has been
  ReplySink* sink_ = nullptr;  // during Read
  std::size_t parts_ = 0;      // of the reply that is begun
  bool unwanted_ = false;      // and the rest of it is dropped
  bool refused_ = false;
  bool too_many_ = false;   // parts
  bool too_large_ = false;  // a bulk
  std::string error_text_;
};

}  // namespace prism::backends
