#include "rpc/net/fair_queue.h"

#include <algorithm>
#include <utility>

namespace prism::rpc {

// What was used is forgotten by halves.
MonoNanos FairQueue::Entry::Used(MonoNanos now) {
  constexpr MonoNanos kMostHalvings = 62;
  const MonoNanos halvings = std::min((now - decayed_) / kHalfLife, kMostHalvings);
  if (halvings > 0) {
    used_ >>= halvings;
    decayed_ = now;
  }
  return used_;
}

void FairQueue::Push(Entry& entry, MonoNanos now) {
  if (std::exchange(entry.queued_, true)) return;
  entry.key_ = entry.Used(now);
  heap_.push_back(&entry);
  std::ranges::push_heap(heap_, Later);
}

FairQueue::Entry& FairQueue::Pop() {
  std::ranges::pop_heap(heap_, Later);
  Entry& entry = *heap_.back();
  heap_.pop_back();
  entry.queued_ = false;
  return entry;
}

void FairQueue::Remove(Entry& entry) {
  if (!std::exchange(entry.queued_, false)) return;
  std::erase(heap_, &entry);
  std::ranges::make_heap(heap_, Later);
}

}  // namespace prism::rpc
