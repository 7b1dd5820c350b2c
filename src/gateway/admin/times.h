// Times of the stores as those of messages.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace prism::gateway {

inline void SetTime(WallMillis at, google::protobuf::Timestamp& time) {
  // Rounded down, so that nanos are never negative.
  const WallMillis seconds = at >= 0 ? at / 1000 : (at - 999) / 1000;
  time.set_seconds(seconds);
  time.set_nanos(static_cast<std::int32_t>((at - seconds * 1000) * 1'000'000));
}

// Held within the 10,000 years that protobuf allows, whatever a client sends.
template <class Time>
WallMillis MillisOf(const Time& time) {
  constexpr std::int64_t kMost = 315'576'000'000;
  return std::clamp<std::int64_t>(time.seconds(), -kMost, kMost) * 1000 + time.nanos() / 1'000'000;
}

}  // namespace prism::gateway
