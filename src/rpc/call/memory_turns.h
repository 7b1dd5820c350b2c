// Who may make the server hold more while memory is short.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace prism::rpc {

// The account of what the connections of one shard hold, and its rule: above the limit nobody may
// come to hold much more but one connection at a time, which has the turn until it has got
// somewhere. A turn ends as well when nothing moves, or not fast enough: whoever stands still can't
// hold up the others. See docs/adr/0069. Life cycle: entries leave before they are destroyed.
// Thread rule: one shard; Update calls entries.
class MemoryTurns {
 public:
  // What a connection derives from.
  class Entry {
   public:
    bool waits_for_memory() const { return waiting_; }

   protected:
    ~Entry() = default;

   private:
    friend class MemoryTurns;
    // Memory is there again, or it has the turn: goes on with what it put off.
    virtual void OnRoom(MonoNanos now) = 0;
    // It has not done everything that it could.
    virtual bool PutsOff() const = 0;
    // What it makes the server hold, and how much of requests and answers has passed so far.
    virtual std::size_t HeldNow() const = 0;
    virtual std::uint64_t Moved() const = 0;

    Entry* next_ = nullptr;
    Entry* prev_ = nullptr;
    bool waiting_ = false;
    bool stopped_ = false;  // has the turn, and has reached its bound
  };

  // A message of the largest size must be able to pass, however small the limit is: `message_bytes`
  // bounds what the turn adds to it.
  MemoryTurns(std::size_t limit, std::size_t message_bytes)
      : limit_(limit), message_bytes_(message_bytes) {}
  MemoryTurns(const MemoryTurns&) = delete;
  MemoryTurns& operator=(const MemoryTurns&) = delete;

  std::size_t held() const { return held_; }
  void Hold(std::size_t count) { held_ += count; }
  void LetGo(std::size_t count) { held_ -= count; }
  bool plenty() const { return held_ < limit_ / 4; }
  bool tight() const { return held_ > limit_; }
  // What one turn may lead to, and what must not be.
  bool exhausted() const { return held_ >= limit_ + 3 * message_bytes_; }
  std::size_t most() const { return limit_ + 4 * message_bytes_; }
  // Below it another turn may begin beside what the last one has left.
  bool has_room() const { return held_ <= limit_ + message_bytes_; }

  bool HasTurn(const Entry& entry) const { return turn_ == &entry; }
  // Whether this one may come to hold more.
  bool MayGrow(const Entry& entry) const { return !tight() || (turn_ == &entry && !exhausted()); }
  // It has put something off: OnRoom will follow. Nothing when it waits already.
  void Wait(Entry& entry);
  // It is over.
  void Leave(Entry& entry);
  // Somebody waits, or is about to.
  bool busy() const { return first_ != nullptr || turn_ != nullptr || tight(); }
  std::size_t limit() const { return limit_; }
  bool anyone_waits() const { return first_ != nullptr || (turn_ != nullptr && turn_->stopped_); }
  // Since when nobody could have a turn although somebody waits; 0: not so.
  MonoNanos stuck_since() const { return stuck_since_; }
  // Hands out turns and takes them back. At the end of a turn of the shard's loop while busy(), and
  // every kLook while somebody waits.
  void Update(MonoNanos now);

  static constexpr MonoNanos kLook = 50 * kNanosPerMilli;
  // Who holds much and moves nothing for so long is let go while memory is short and others wait.
  static constexpr MonoNanos kPatience = 2 * kNanosPerSecond;
  // What is less is no movement: a request that drips costs its sender nothing.
  static constexpr std::uint64_t kLeastMoved = 8 * 1024;
  // A connection may hold so much whatever others do.
  static constexpr std::size_t kFreeBytes = 8 * 1024;

 private:
  // A turn in which nothing moves for so long is over; at once if nothing has been waiting.
  static constexpr MonoNanos kStill = 200 * kNanosPerMilli;
  static constexpr MonoNanos kSilent = 20 * kNanosPerMilli;
  // A turn that finishes nothing: so long, and a second more for so much of what moved.
  static constexpr MonoNanos kLongest = 5 * kNanosPerSecond;
  static constexpr std::int64_t kBytesPerSecond = 256 * 1024;
  // One that is let go on may bring so much at once.
  static constexpr std::size_t kShareBytes = 64 * 1024;

  Entry* TakeFirst();
  void LetOn(MonoNanos now);
  void LookAtTurn(MonoNanos now);
  bool TurnIsOver(MonoNanos now) const;
  void BeginTurn(MonoNanos now);

  const std::size_t limit_;
  const std::size_t message_bytes_;
  std::size_t held_ = 0;
  Entry* first_ = nullptr;
  Entry* last_ = nullptr;
  MonoNanos stuck_since_ = 0;

  // The turn.
  Entry* turn_ = nullptr;
  MonoNanos began_ = 0;
  MonoNanos moved_at_ = 0;
  std::uint64_t began_moved_ = 0;
  std::uint64_t moved_ = 0;
  std::size_t began_held_ = 0;
};

}  // namespace prism::rpc
