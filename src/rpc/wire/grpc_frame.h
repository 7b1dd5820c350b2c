// Length-prefixed messages of gRPC inside the DATA of a stream, without I/O: used by server and
// client. A message may span many DATA frames and one DATA frame may hold many messages.
// Source: gRPC over HTTP2, "Length-Prefixed-Message".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "rpc/wire/message_buffer.h"

namespace prism::rpc {

inline constexpr std::size_t kGrpcPrefixBytes = 5;

// Writes the prefix of a message of `length` bytes to out[0..5). Flags: 1 when it is compressed;
// gRPC-Web and Connect have more.
void WriteGrpcPrefix(char* out, std::uint8_t flags, std::uint32_t length);

// Cuts a stream of bytes into messages. Keeps its buffer between streams (Reset), so that a pooled
// call allocates nothing for small messages. Connect's streams are framed alike; a body that is one
// message without a prefix is read after SetWhole. Thread rule: one thread at a time.
class GrpcFrameReader {
 public:
  struct Frame {
    bool compressed;
    std::string_view bytes;  // valid until the next Append or Reset
  };

  // `max_message_bytes` bounds one message as it is on the wire.
  explicit GrpcFrameReader(std::uint64_t max_message_bytes)
      : max_message_bytes_(max_message_bytes) {}

  // Before anything is appended; Reset keeps it.
  void SetLimit(std::uint64_t max_message_bytes) { max_message_bytes_ = max_message_bytes; }
  // Until Reset, everything appended is one message, complete when the caller says so by Next.
  void SetWhole(bool compressed) {
    whole_ = true;
    whole_compressed_ = compressed;
  }
  void Append(std::string_view data);
  // Whether a complete message is there. Looks at the announced length before the bytes have come:
  // asked after each Append, it refuses an oversized message at its first bytes.
  // RESOURCE_EXHAUSTED/MESSAGE_TOO_LARGE, INTERNAL/GRPC_FRAME_MALFORMED.
  Result<bool> Ready() const;
  // The next complete message; nothing when more bytes are needed. Errors as Ready.
  Result<std::optional<Frame>> Next();

  // Bytes received and not yet given out by Next.
  std::size_t buffered() const { return buffer_.size() - start_; }
  // Bytes that it holds, with those given out whose room is not used again yet.
  std::size_t size() const { return buffer_.size(); }
  std::size_t capacity() const { return buffer_.capacity(); }
  // Forgets everything; a buffer above `keep_bytes` is given back to the allocator.
  void Reset(std::size_t keep_bytes = 16 * 1024);

 private:
  // Of the message that is next: all of its prefix is there.
  struct Prefix {
    std::uint8_t flags;
    std::uint32_t length;
  };
  Prefix ReadPrefix() const {
    const auto* byte = reinterpret_cast<const unsigned char*>(buffer_.view().data() + start_);
    return {.flags = byte[0],
            .length = std::uint32_t{byte[1]} << 24 | std::uint32_t{byte[2]} << 16 |
                      std::uint32_t{byte[3]} << 8 | byte[4]};
  }

  std::uint64_t max_message_bytes_;
  MessageBuffer buffer_;
  std::size_t start_ = 0;  // first byte that was not given out
  bool whole_ = false;
  bool whole_compressed_ = false;
};

// RESOURCE_EXHAUSTED/MESSAGE_TOO_LARGE with the limit in its metadata.
Error MessageTooLarge(std::uint64_t bytes, std::uint64_t limit);

}  // namespace prism::rpc
