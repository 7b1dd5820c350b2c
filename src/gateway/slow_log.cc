#include "gateway/slow_log.h"

#include <utility>

namespace prism::gateway {

MonoNanos JudgedDuration(const contract::MethodInfo& method, const rpc::CallAccount& account,
                         MonoNanos arrival, MonoNanos now) {
  switch (method.kind) {
    case contract::StreamKind::kUnary:
      return now - arrival;
    case contract::StreamKind::kServer:
      return (account.first_message_at != 0 ? account.first_message_at : now) - arrival;
    case contract::StreamKind::kClient:
    case contract::StreamKind::kBidi:
      break;
  }
  return 0;
}

void SlowLog::Add(SlowRequest request) {
  const auto place = static_cast<std::size_t>(total_++ % kKept);
  if (place == ring_.size()) {
    ring_.push_back(std::move(request));
  } else {
    ring_[place] = std::move(request);
  }
}

SlowSample SlowLog::Sample() const {
  SlowSample sample{
      .threshold = threshold_ == kNever ? 0 : threshold_, .total = total_, .kept = {}};
  sample.kept.reserve(ring_.size());
  const std::size_t oldest = ring_.size() < kKept ? 0 : total_ % kKept;
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    sample.kept.push_back(ring_[(oldest + i) % ring_.size()]);
  }
  return sample;
}

}  // namespace prism::gateway
