#include "rpc/wire/grpc_frame.h"

#include <fmt/format.h>

namespace prism::rpc {

void WriteGrpcPrefix(char* out, std::uint8_t flags, std::uint32_t length) {
  out[0] = static_cast<char>(flags);
  out[1] = static_cast<char>(length >> 24);
  out[2] = static_cast<char>(length >> 16);
  out[3] = static_cast<char>(length >> 8);
  out[4] = static_cast<char>(length);
}

void GrpcFrameReader::Append(std::string_view data) {
  if (start_ == buffer_.size()) {
    buffer_.Clear(buffer_.capacity());
    start_ = 0;
  } else if (start_ > buffer_.size() / 2) {
    buffer_.EraseFront(start_);
    start_ = 0;
  }
  buffer_.Append(data);
}

Result<bool> GrpcFrameReader::Ready() const {
  if (whole_) {
    if (buffered() <= max_message_bytes_) return true;
    return std::unexpected(MessageTooLarge(buffered(), max_message_bytes_));
  }
  if (buffered() < kGrpcPrefixBytes) return false;
  const Prefix prefix = ReadPrefix();
  if (prefix.flags > 1) {
    return std::unexpected(
        Error(Code::kInternal, "GRPC_FRAME_MALFORMED",
              fmt::format("a message begins with the flags {}, but only 0 and 1 are "
                          "defined here: the sender or a proxy corrupts the stream",
                          prefix.flags)));
  }
  if (prefix.length > max_message_bytes_) {
    return std::unexpected(MessageTooLarge(prefix.length, max_message_bytes_));
  }
  return buffered() - kGrpcPrefixBytes >= prefix.length;
}

Result<std::optional<GrpcFrameReader::Frame>> GrpcFrameReader::Next() {
  TRY_ASSIGN(const bool ready, Ready());
  if (!ready) return std::nullopt;
  if (whole_) {
    const Frame frame{.compressed = whole_compressed_, .bytes = buffer_.view().substr(start_)};
    start_ = buffer_.size();
    return frame;
  }
  const Prefix prefix = ReadPrefix();
  const Frame frame{.compressed = prefix.flags == 1,
                    .bytes = buffer_.view().substr(start_ + kGrpcPrefixBytes, prefix.length)};
  start_ += kGrpcPrefixBytes + frame.bytes.size();
  return frame;
}

void GrpcFrameReader::Reset(std::size_t keep_bytes) {
  buffer_.Clear(keep_bytes);
  start_ = 0;
  whole_ = false;
}

Error MessageTooLarge(std::uint64_t bytes, std::uint64_t limit) {
  return Error(Code::kResourceExhausted, "MESSAGE_TOO_LARGE",
               fmt::format("a message of {} bytes is above the limit of {} bytes: send less in one "
                           "message, or raise the limit on both sides",
                           bytes, limit))
      .With("limit_bytes", std::to_string(limit));
}

}  // namespace prism::rpc
