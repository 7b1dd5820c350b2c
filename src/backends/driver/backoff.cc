#include "backends/driver/backoff.h"

#include <algorithm>

namespace prism::backends {

MonoNanos Backoff::Next(std::uint64_t random) {
  const MonoNanos bound = bound_;
  bound_ = bound == 0 ? bounds_.first : std::min(2 * bound, bounds_.longest);
  return static_cast<MonoNanos>(random % (static_cast<std::uint64_t>(bound) + 1));
}

}  // namespace prism::backends
