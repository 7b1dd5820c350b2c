// The data structure of one stripe: a hash index for single keys, an order for scans, a heap for
// expiry.
#pragma once

#include <absl/container/btree_set.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/keyvalue_store.h"

namespace prism::engine {

// Keys with their records. Point operations use the hash index (chained through the entries: two
// cache misses); the order is touched only when a key comes or goes, and by scans. Thread rule:
// none of its own; whoever owns it locks.
class KeyValueTable {
 public:
  // One allocation with the key behind it. Its address is stable for its life.
  class Entry {
   public:
    std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size_}; }
    // What counts for the quota.
    std::size_t bytes() const { return key_size_ + record.value.size() + record.tags.size(); }
    bool ExpiredAt(WallMillis now) const {
      return record.expires_at != kNeverExpires && record.expires_at <= now;
    }

    KeyValueRecord record;  // expires_at only through SetExpiry

   private:
    friend class KeyValueTable;
    static constexpr std::uint32_t kNotInHeap = ~0u;

    Entry* hash_next_ = nullptr;
    std::uint64_t hash_ = 0;
    std::uint32_t heap_index_ = kNotInHeap;
    std::uint32_t key_size_ = 0;
  };
  struct FreeEntry {
    void operator()(Entry* entry) const noexcept;
  };
  // An entry that has left the table: freed where the owner wants, outside its lock.
  using Removed = std::unique_ptr<Entry, FreeEntry>;

  // The first 16 bytes of a key as numbers that compare like the bytes; shorter keys are filled up
  // with zeros, which no key contains.
  struct Head {
    explicit Head(std::string_view key) : high(Word(key, 0)), low(Word(key, 8)) {}
    static std::uint64_t Word(std::string_view key, std::size_t from);
    auto operator<=>(const Head&) const = default;
    std::uint64_t high;
    std::uint64_t low;
  };
  // An entry in the order, with the head of its key beside the pointer: most steps of a search stay
  // inside the tree's nodes instead of going to the entries.
  struct Ordered {
    explicit Ordered(Entry& of) : head(of.key()), entry(&of) {}
    std::string_view key() const { return entry->key(); }
    Head head;
    Entry* entry;
  };
  struct Probe {
    explicit Probe(std::string_view of) : head(of), bytes(of) {}
    std::string_view key() const { return bytes; }
    Head head;
    std::string_view bytes;
  };
  struct ByKey {
    using is_transparent = void;
    template <class A, class B>
    static bool Less(const A& a, const B& b) {
      return a.head == b.head ? a.key() < b.key() : a.head < b.head;
    }
    bool operator()(const Ordered& a, const Ordered& b) const { return Less(a, b); }
    bool operator()(const Ordered& a, const Probe& b) const { return Less(a, b); }
    bool operator()(const Probe& a, const Ordered& b) const { return Less(a, b); }
  };
  using Order = absl::btree_set<Ordered, ByKey>;

  KeyValueTable() = default;
  KeyValueTable(const KeyValueTable&) = delete;
  KeyValueTable& operator=(const KeyValueTable&) = delete;
  ~KeyValueTable();

  // What an entry takes beyond its key, value and tags, allocator overhead included.
  static constexpr std::size_t kEntryOverhead = 160;

  Entry* Find(std::string_view key, std::uint64_t hash) const {
    if (buckets_.empty()) return nullptr;
    Entry* entry = buckets_[hash & (buckets_.size() - 1)];
    while (entry != nullptr && (entry->hash_ != hash || entry->key() != key))
      entry = entry->hash_next_;
    return entry;
  }
  // The key must be absent.
  Entry& Insert(std::string_view key, std::uint64_t hash);
  Removed Remove(Entry& entry);

  void SetExpiry(Entry& entry, WallMillis expires_at);
  // The entry that expires first, if it has expired by `now`.
  Entry* Due(WallMillis now) const {
    return !heap_.empty() && heap_.front()->record.expires_at <= now ? heap_.front() : nullptr;
  }
  // When the next one expires; kNeverExpires: none does.
  WallMillis NextExpiry() const {
    return heap_.empty() ? kNeverExpires : heap_.front()->record.expires_at;
  }

  // The first entry at or behind `prefix` and behind `after`.
  Order::const_iterator Seek(std::string_view prefix, std::string_view after) const {
    return after >= prefix && !after.empty() ? order_.upper_bound(Probe(after))
                                             : order_.lower_bound(Probe(prefix));
  }
  Order::const_iterator end() const { return order_.end(); }
  std::size_t size() const { return order_.size(); }

 private:
  void Grow();
  void Place(std::size_t index, Entry* entry);
  void SiftUp(std::size_t index);
  void SiftDown(std::size_t index);
  void LeaveHeap(Entry& entry);

  std::vector<Entry*> buckets_;  // a power of two, at least two for each entry
  Order order_;
  std::vector<Entry*> heap_;  // binary, by expires_at
};

}  // namespace prism::engine
