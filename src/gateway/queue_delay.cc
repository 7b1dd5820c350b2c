#include "gateway/queue_delay.h"

namespace prism::gateway {

void QueueDelay::StartInterval(MonoNanos now) {
  // A pause in which nothing came ends a queue, too.
  const bool recent = now - interval_end_ < options_.interval;
  standing_ = recent && smallest_ != kNone && smallest_ > options_.target;
  smallest_ = kNone;
  interval_end_ = now + options_.interval;
}

}  // namespace prism::gateway
