#include "rpc/call/memory_turns.h"

#include <algorithm>
#include <utility>

namespace prism::rpc {

void MemoryTurns::Wait(Entry& entry) {
  if (turn_ == &entry) {
    entry.stopped_ = true;
    return;
  }
  if (std::exchange(entry.waiting_, true)) return;
  entry.prev_ = last_;
  (last_ != nullptr ? last_->next_ : first_) = &entry;
  last_ = &entry;
}

void MemoryTurns::Leave(Entry& entry) {
  if (turn_ == &entry) turn_ = nullptr;
  entry.stopped_ = false;
  if (!std::exchange(entry.waiting_, false)) return;
  (entry.prev_ != nullptr ? entry.prev_->next_ : first_) = entry.next_;
  (entry.next_ != nullptr ? entry.next_->prev_ : last_) = entry.prev_;
  entry.next_ = nullptr;
  entry.prev_ = nullptr;
}

MemoryTurns::Entry* MemoryTurns::TakeFirst() {
  Entry* const entry = first_;
  if (entry != nullptr) Leave(*entry);
  return entry;
}

void MemoryTurns::Update(MonoNanos now) {
  if (held_ <= limit_ - limit_ / 8) return LetOn(now);
  if (turn_ != nullptr) LookAtTurn(now);
  if (turn_ == nullptr && first_ != nullptr && has_room()) BeginTurn(now);
  if (turn_ != nullptr || first_ == nullptr) {
    stuck_since_ = 0;
  } else if (stuck_since_ == 0) {
    stuck_since_ = now;
  }
}

// As many as there is memory for, in the order in which they came; the others at the next Update.
void MemoryTurns::LetOn(MonoNanos now) {
  stuck_since_ = 0;
  Entry* const had_turn = std::exchange(turn_, nullptr);
  if (had_turn != nullptr && (std::exchange(had_turn->stopped_, false) || had_turn->PutsOff())) {
    had_turn->OnRoom(now);
  }
  std::size_t count = 1 + (limit_ - std::min(limit_, held_)) / kShareBytes;
  for (; count > 0 && first_ != nullptr && !tight(); --count) TakeFirst()->OnRoom(now);
}

void MemoryTurns::LookAtTurn(MonoNanos now) {
  const std::uint64_t moved = turn_->Moved();
  if (moved != moved_) {
    moved_ = moved;
    moved_at_ = now;
  }
  if (!TurnIsOver(now)) {
    if (!exhausted() && std::exchange(turn_->stopped_, false)) turn_->OnRoom(now);
    return;
  }
  Entry& over = *std::exchange(turn_, nullptr);
  // It goes on when its next turn comes; who has said nothing has not put off anything either.
  if (std::exchange(over.stopped_, false) || over.PutsOff()) Wait(over);
}

bool MemoryTurns::TurnIsOver(MonoNanos now) const {
  const std::size_t held = turn_->HeldNow();
  if (moved_ != began_moved_ && (held < began_held_ || held <= kFreeBytes)) return true;
  // It has brought the memory to this: nobody else goes on before it is settled.
  if (!has_room()) return false;
  const MonoNanos patience = moved_ == began_moved_ ? kSilent : kStill;
  const auto extra = static_cast<std::int64_t>(moved_ - began_moved_) * kNanosPerSecond;
  return now - moved_at_ >= patience || now - began_ >= kLongest + extra / kBytesPerSecond;
}

void MemoryTurns::BeginTurn(MonoNanos now) {
  turn_ = TakeFirst();
  began_ = moved_at_ = now;
  began_moved_ = moved_ = turn_->Moved();
  began_held_ = turn_->HeldNow();
  turn_->OnRoom(now);
}

}  // namespace prism::rpc
