// What the HTTP/2 library lets through: frames that cost us and bring nothing, and stream ids that go
// backwards. Looks at frame headers only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace prism::rpc {

// Counts frames that move no request forward (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA).
// An honest peer sends a few around its requests; a flood sends them and nothing else. Pure, one
// connection.
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

// RFC 9113 section 5.1.1: a new stream has a higher id than all before it. HEADERS on a lower id is
// either a late frame of a stream that has closed, which the library ignores, or a stream that was
// skipped: a connection error. Clients count by two, so what was skipped is nearly always nothing.
class StreamIdGuard {
 public:
  // HEADERS with this (odd) id arrived. False: PROTOCOL_ERROR.
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
  // The latest gaps are enough: an older one that is forgotten only means that its frames are ignored.
  static constexpr std::size_t kRanges = 4;

  void Skip(std::int32_t first, std::int32_t last) {
    skipped_[next_] = {.first = first, .last = last};
    next_ = (next_ + 1) % kRanges;
  }

  std::array<Range, kRanges> skipped_;
  std::size_t next_ = 0;
  std::int32_t last_ = -1;
};

}  // namespace prism::rpc
