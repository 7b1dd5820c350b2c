#include "rpc/http/http2_guard.h"

#include <algorithm>
#include <cstring>

namespace prism::rpc {
namespace {

// RFC 9113 section 6.
enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kContinuation = 9,
};
constexpr std::uint8_t kEndStream = 1;
constexpr std::uint8_t kAck = 1;
constexpr std::uint8_t kPadded = 8;
constexpr std::size_t kSettingBytes = 6;
// How much of a DATA frame may be padding, its length's byte included.
constexpr std::size_t kMaxPaddingBytes = 256;
constexpr std::uint8_t kEndHeaders = 4;

}  // namespace

Http2FrameGuard::Verdict Http2FrameGuard::OnBytes(std::string_view bytes, MonoNanos now) {
  std::size_t at = 0;
  bool began = false;
  while (at < bytes.size()) {
    if (skip_ > 0) {
      const std::size_t skipped = std::min(skip_, bytes.size() - at);
      skip_ -= skipped;
      at += skipped;
      continue;
    }
    const std::size_t frame_start = at;
    began = began || header_size_ == 0;
    const std::size_t wanted = std::min(kFrameHeaderBytes - header_size_, bytes.size() - at);
    std::memcpy(header_.data() + header_size_, bytes.data() + at, wanted);
    header_size_ += wanted;
    at += wanted;
    if (header_size_ < kFrameHeaderBytes) break;
    header_size_ = 0;
    if (const HttpError error = OnFrame(now); error != HttpError::kNoError) {
      return {.accepted = frame_start, .error = error};
    }
  }
  NoteIncomplete(began, now);
  return {.accepted = bytes.size(), .error = HttpError::kNoError};
}

// `began`: the frame at the end of the input began in this input.
void Http2FrameGuard::NoteIncomplete(bool began, MonoNanos now) {
  const bool incomplete = header_size_ > 0 || (skip_ > 0 && !in_data_);
  if (!incomplete) {
    frame_since_ = 0;
  } else if (began || frame_since_ == 0) {
    frame_since_ = now;
  }
}

HttpError Http2FrameGuard::OnFrame(MonoNanos now) {
  const std::size_t length =
      std::size_t{header_[0]} << 16 | std::size_t{header_[1]} << 8 | header_[2];
  const std::uint8_t type = header_[3];
  const bool end = (header_[4] & kEndStream) != 0;
  const auto id = static_cast<std::int32_t>((header_[5] & 0x7fu) << 24 | header_[6] << 16 |
                                            header_[7] << 8 | header_[8]);
  skip_ = length;
  in_data_ = type == kData;
  if (type == kHeaders || type == kContinuation) {
    const bool whole = (header_[4] & kEndHeaders) != 0;
    block_since_ = whole ? 0 : block_since_ != 0 ? block_since_ : now;
  }
  switch (type) {
    case kHeaders:
      if (!stream_ids_.OnHeaders(id)) return HttpError::kProtocolError;
      if (ended_.Contains(id)) return HttpError::kStreamClosed;
      if (end) ended_.Add(id);
      return HttpError::kNoError;
    case kData:
      return OnData(length, header_[4], id, now);
    case kRstStream:
      ended_.Add(id);
      return resets_.Take(1, now) ? HttpError::kNoError : HttpError::kEnhanceYourCalm;
    case kSettings:
      // Each entry may touch every open stream (RFC 9113 section 6.9.2).
      if ((header_[4] & kAck) == 0 && !settings_.Take(1 + length / kSettingBytes, now)) {
        return HttpError::kEnhanceYourCalm;
      }
      break;
    case kContinuation:
      return HttpError::kNoError;  // the library counts these
    default:
      break;
  }
  return OnIdleFrame(now);
}

HttpError Http2FrameGuard::OnData(std::size_t length, std::uint8_t flags, std::int32_t id,
                                  MonoNanos now) {
  if (ended_.Contains(id)) return HttpError::kStreamClosed;
  if ((flags & kEndStream) != 0) {
    ended_.Add(id);
    return HttpError::kNoError;
  }
  const bool may_be_empty = length == 0 || ((flags & kPadded) != 0 && length <= kMaxPaddingBytes);
  return may_be_empty ? OnIdleFrame(now) : HttpError::kNoError;
}

}  // namespace prism::rpc
