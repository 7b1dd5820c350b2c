// Which connection is given up when there is no room for a new one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace prism::rpc {

// In the order in which they are given up.
enum class ConnectionRank : std::uint8_t {
  kLeaving,    // over, but for what the peer still sends
  kHandshake,  // has no TLS session yet
  kNewcomer,   // has never made a call
  kIdle,       // has no call open
  kBusy,       // is never given up
};

// Keeps the connections of a shard by rank, and inside of a rank by the time when they got there.
// Life cycle: connections take themselves out before they are destroyed. Thread rule: one shard.
class ConnectionOrder {
 public:
  // What a connection derives from.
  class Entry {
   public:
    ConnectionRank rank() const { return rank_; }

   protected:
    Entry() = default;
    ~Entry() = default;

   private:
    friend class ConnectionOrder;
    Entry* next_ = nullptr;
    Entry* prev_ = nullptr;
    ConnectionRank rank_ = ConnectionRank::kNewcomer;
  };

  void Add(Entry& entry, ConnectionRank rank);
  void Remove(Entry& entry);
  // To the end of the rank, behind all that came to it before.
  void Move(Entry& entry, ConnectionRank rank);
  // The one that is missed least: the longest in the lowest rank. nullptr: all are busy.
  Entry* LeastMissed() const;
  // The longest in this rank; nullptr: there is none.
  Entry* Oldest(ConnectionRank rank) const { return lists_[static_cast<std::size_t>(rank)].head; }

 private:
  struct List {
    Entry* head = nullptr;
    Entry* tail = nullptr;
  };
  List& ListOf(const Entry& entry) { return lists_[static_cast<std::size_t>(entry.rank_)]; }

  std::array<List, 5> lists_;
};

}  // namespace prism::rpc
