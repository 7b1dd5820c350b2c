// How many lines of one kind the log takes.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/clock.h"

namespace prism::telemetry {

// At most kLines in a second: what many clients cause at once must not bury what else is logged.
// Thread rule: one owner.
class LineLimit {
 public:
  static constexpr int kLines = 10;

  // How many lines were left out since the last one, when one may be written now; nothing when this
  // one is left out, too.
  std::optional<std::uint64_t> Take(MonoNanos now) {
    if (now - since_ >= kNanosPerSecond || lines_ == 0) {
      since_ = now;
      lines_ = 0;
    }
    if (lines_ == kLines) {
      ++left_out_;
      return std::nullopt;
    }
    ++lines_;
    return std::exchange(left_out_, 0);
  }

 private:
  MonoNanos since_ = 0;
  int lines_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace prism::telemetry
