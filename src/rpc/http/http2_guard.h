// What the HTTP/2 library lets through: floods of frames that bring nothing, stream ids that go
// backwards, and frames on streams that have ended. Looks at frame headers only, without I/O.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "rpc/http/http_error.h"
#include "rpc/http/nghttp2_codec.h"

namespace prism::rpc {

// Counts frames that move no request forward (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA).
// An honest peer sends a few around its requests; a flood sends them and nothing else.
class IdleFrameGuard {
 public:
  explicit IdleFrameGuard(std::uint32_t max_per_second) : max_per_second_(max_per_second) {}

  // False when it is one too many.
  bool OnIdleFrame(MonoNanos now) {
    if (now - window_start_ >= kNanosPerSecond) {
      window_start_ = now;
      count_ = 0;
    }
    return ++count_ <= max_per_second_;
  }
  // A response was sent: acknowledgements and window updates around it are no flood.
  void OnProgress() { count_ = 0; }

 private:
  std::uint32_t max_per_second_;
  std::uint32_t count_ = 0;
  MonoNanos window_start_ = 0;
};

// What may come in a burst, and how much of it comes back in a second.
class FrameBucket {
 public:
  explicit FrameBucket(FrameAllowance allowance)
      : allowance_(allowance), left_(static_cast<double>(allowance.burst)) {}

  // False when it is too much.
  bool Take(std::size_t count, MonoNanos now) {
    const double seconds = static_cast<double>(now - last_) / kNanosPerSecond;
    last_ = now;
    left_ = std::min(static_cast<double>(allowance_.burst),
                     left_ + seconds * static_cast<double>(allowance_.per_second));
    left_ -= static_cast<double>(count);
    return left_ >= 0;
  }

 private:
  FrameAllowance allowance_;
  double left_;
  MonoNanos last_ = 0;
};

// RFC 9113 section 5.1.1: a new stream has a higher id than all before it. HEADERS on a lower id
// belongs to a stream that was opened before, or to one that was skipped: a connection error.
// Clients count by two, so what was skipped is nearly always nothing.
class StreamIdGuard {
 public:
  // HEADERS that open or continue the stream with this (odd) id. False: PROTOCOL_ERROR.
  bool OnHeaders(std::int32_t id) {
    if (id > last_) {
      if (id > last_ + 2) Skip(last_ + 2, id - 2);
      last_ = id;
      return true;
    }
    for (const Range& range : skipped_) {
      if (id >= range.first && id <= range.last) return false;
    }
    return true;
  }

 private:
  struct Range {
    std::int32_t first = 1;
    std::int32_t last = -1;
  };
  // The latest gaps are enough: an older one that is forgotten only means that its frames are
  // ignored.
  static constexpr std::size_t kRanges = 4;

  void Skip(std::int32_t first, std::int32_t last) {
    skipped_[next_] = {.first = first, .last = last};
    next_ = (next_ + 1) % kRanges;
  }

  std::array<Range, kRanges> skipped_;
  std::size_t next_ = 0;
  std::int32_t last_ = -1;
};

// RFC 9113 section 5.1: a peer that has ended or reset a stream must not send on it again. The
// library forgets closed streams, since remembering each costs memory, and ignores such frames; we
// remember the last few ids. Streams that we reset are not among them: frames may have been under
// way.
class EndedStreams {
 public:
  EndedStreams() { ids_.fill(-1); }
  void Add(std::int32_t id) {
    ids_[next_] = id;
    next_ = (next_ + 1) % ids_.size();
  }
  bool Contains(std::int32_t id) const {
    bool found = false;
    for (const std::int32_t ended : ids_) found |= ended == id;
    return found;
  }

 private:
  std::array<std::int32_t, 16> ids_;
  std::size_t next_ = 0;
};

// Walks over everything that the peer of one connection sends, from the connection preface on,
// however it is cut into pieces. Pure.
class Http2FrameGuard {
 public:
  struct Verdict {
    std::size_t accepted;  // bytes in front of the frame that breaks the rules, or all
    HttpError error;       // kNoError: all is well
  };

  explicit Http2FrameGuard(const Http2Limits& limits)
      : idle_frames_(limits.max_idle_frames_per_second),
        resets_(limits.resets),
        settings_(limits.settings) {}

  Verdict OnBytes(std::string_view bytes, MonoNanos now);
  // A response was sent.
  void OnProgress() { idle_frames_.OnProgress(); }
  // The peer made us reset a stream: that costs as much as if it had done so itself, and counts as
  // much. False when it is one too many.
  bool OnResetByUs(MonoNanos now) { return resets_.Take(1, now); }
  // Since when a block of headers, or any frame but DATA, is on its way and not complete; 0: none
  // is. The body of a request has time limits of its own.
  MonoNanos incomplete_since() const { return block_since_ != 0 ? block_since_ : frame_since_; }

 private:
  static constexpr std::size_t kFrameHeaderBytes = 9;
  static constexpr std::size_t kPrefaceBytes = 24;

  HttpError OnFrame(MonoNanos now);
  HttpError OnData(std::size_t length, std::uint8_t flags, std::int32_t id, MonoNanos now);
  HttpError OnIdleFrame(MonoNanos now) {
    return idle_frames_.OnIdleFrame(now) ? HttpError::kNoError : HttpError::kEnhanceYourCalm;
  }
  void NoteIncomplete(bool began, MonoNanos now);

  IdleFrameGuard idle_frames_;
  FrameBucket resets_;
  FrameBucket settings_;  // entries
  StreamIdGuard stream_ids_;
  EndedStreams ended_;
  std::size_t skip_ = kPrefaceBytes;  // bytes until the next frame header
  std::array<std::uint8_t, kFrameHeaderBytes> header_;
  std::size_t header_size_ = 0;
  bool in_data_ = false;  // what skip_ counts is DATA
  MonoNanos frame_since_ = 0;
  MonoNanos block_since_ = 0;  // HEADERS that wait for CONTINUATION
};

}  // namespace prism::rpc
