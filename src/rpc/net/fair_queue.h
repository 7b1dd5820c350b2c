// Whose turn it is while a shard has more to do than it gets done.
#pragma once

#include <cstddef>
#include <vector>

#include "base/clock.h"

namespace prism::rpc {

// Connections that wait for the shard, in the order of the time that they have used lately: whoever
// sends little is served before whoever sends much, however many of the latter there are.
// Life cycle: connections take themselves out before they are destroyed. Thread rule: one shard.
class FairQueue {
 public:
  // What a connection derives from.
  class Entry {
   public:
    // Counts as having used a little already, so that coming anew is no way to the front.
    explicit Entry(MonoNanos now) : decayed_(now) {}
    // The shard has worked for it for so long.
    void Charge(MonoNanos cost, MonoNanos now) { used_ = Used(now) + cost; }

   protected:
    ~Entry() = default;

   private:
    friend class FairQueue;
    static constexpr MonoNanos kHalfLife = 100 * kNanosPerMilli;
    static constexpr MonoNanos kNewcomerUsed = 4 * kNanosPerMilli;
    MonoNanos Used(MonoNanos now);

    MonoNanos used_ = kNewcomerUsed;
    MonoNanos decayed_;
    MonoNanos key_ = 0;  // what it had used when it was pushed
    bool queued_ = false;
  };

  bool empty() const { return heap_.empty(); }
  // Nothing when it is here already.
  void Push(Entry& entry, MonoNanos now);
  // The one that has used least; there is one.
  Entry& Pop();
  // Nothing when it is not here.
  void Remove(Entry& entry);

 private:
  static bool Later(const Entry* a, const Entry* b) { return a->key_ > b->key_; }

  std::vector<Entry*> heap_;
};

}  // namespace prism::rpc
