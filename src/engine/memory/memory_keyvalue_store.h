// The keys of one namespace in memory: 16 stripes, each a table under a lock of its own.
#pragma once

#include <array>
#include <atomic>
#include <limits>
#include <mutex>

#include "engine/keyvalue_store.h"
#include "engine/memory/key_hash.h"
#include "engine/memory/keyvalue_table.h"
#include "engine/memory/memory_space.h"
#include "engine/memory/stripe_mutex.h"

namespace prism::engine {

// A key belongs to one stripe, by its hash. Thread-safe: critical sections are short, without I/O
// and callbacks; values are copied before the lock and freed after it; operations over several
// stripes lock in ascending order. Never evicts: when memory or a quota is full, writes that grow
// are refused.
class MemoryKeyValueStore final : public KeyValueStore {
 public:
  static constexpr int kStripeBits = 4;
  static constexpr std::size_t kStripes = std::size_t{1} << kStripeBits;

  explicit MemoryKeyValueStore(MemorySpace& space);
  ~MemoryKeyValueStore() override;

  Result<std::optional<KeyValueRecord>> Get(std::string_view key, WallMillis now) override;
  Result<bool> Exists(std::string_view key, WallMillis now) override;
  Result<std::optional<KeyValueRecord>> GetMeta(std::string_view key, WallMillis now) override;

  Result<Version> Set(std::string_view key, const KeyValueWrite& write, WallMillis now) override;
  Result<bool> Delete(std::string_view key, WallMillis now) override;

  Result<ScanPage> Scan(const ScanQuery& query, WallMillis now) override;
  Result<PrefixProgress> CountPage(std::string_view prefix, std::string_view cursor,
                                   std::size_t max_visited, WallMillis now) override;
  Result<PrefixProgress> DeletePrefixPage(std::string_view prefix, std::string_view cursor,
                                          std::size_t max_visited, WallMillis now) override;

  Result<bool> Expire(std::string_view key, WallMillis expires_at, WallMillis now) override;
  Result<bool> Persist(std::string_view key, WallMillis now) override;

  Result<SwapOutcome> CompareAndSwap(std::string_view key, const KeyValueExpectation& expect,
                                     const KeyValueWrite& write, WallMillis now) override;
  Result<SwapOutcome> CompareAndDelete(std::string_view key, const KeyValueExpectation& expect,
                                       WallMillis now) override;
  Result<IncrementOutcome> Increment(std::string_view key, std::int64_t delta,
                                     WallMillis now) override;

  Result<TransactOutcome> Transact(std::span<const TransactPrecondition> preconditions,
                                   std::span<const TransactOperation> operations,
                                   WallMillis now) override;

  Result<bool> Sweep(WallMillis now, std::size_t budget) override;
  bool MayExpire() override;

 private:
  using Entry = KeyValueTable::Entry;
  using Removed = KeyValueTable::Removed;

  static constexpr WallMillis kNothingDue = std::numeric_limits<WallMillis>::max();
  // What a write sweeps of its own stripe in passing.
  static constexpr std::size_t kSweepPerWrite = 2;

  struct alignas(64) Stripe {
    StripeMutex mutex;
    KeyValueTable table;
    Version version = 0;
    // When something may be due, readable without the lock.
    std::atomic<WallMillis> next_due = kNothingDue;
  };
  // A new value on its way in: made before the lock is taken; takes what it replaces out with it.
  struct Incoming {
    explicit Incoming(const KeyValueWrite& write)
        : value(base::Buffer::Copy(write.value)),
          tags(base::Buffer::Copy(write.tags)),
          expires_at(write.expires_at) {}
    std::size_t bytes() const { return value.size() + tags.size(); }
    base::Buffer value;
    base::Buffer tags;
    WallMillis expires_at;
  };
  class LockedKey;
  class ScanCursor;

  struct Place {
    Stripe& stripe;
    std::uint64_t hash;
  };
  Place Locate(std::string_view key) {
    const std::uint64_t hash = hash_(key);
    return {stripes_[hash >> (64 - kStripeBits)],
            hash};  // the high bits; the table uses the low ones
  }

  // Room that expired entries take is room: a write that was refused gets a second chance without
  // them.
  template <class Attempt>
  auto WithRoom(WallMillis now, Attempt attempt) {
    auto outcome = attempt();
    if (outcome || outcome.error().code() != Code::kResourceExhausted) return outcome;
    SweepAll(now);
    return attempt();
  }
  void SweepAll(WallMillis now);
  bool SweepStripe(Stripe& stripe, WallMillis now, std::size_t& budget);
  Removed RemoveEntry(Stripe& stripe, Entry& entry);
  Version Write(Stripe& stripe, std::uint64_t hash, Entry* current, std::string_view key,
                Incoming& incoming);
  static SpaceDelta DeltaOfSet(const Entry* current, std::string_view key,
                               const Incoming& incoming);
  static void NoteDue(Stripe& stripe);

  template <class Visit>
  PrefixProgress WalkPrefix(std::string_view prefix, std::string_view cursor,
                            std::size_t max_visited, Visit visit);

  std::uint64_t StripesOf(std::span<const TransactPrecondition> preconditions,
                          std::span<const TransactOperation> operations);
  std::optional<std::size_t> FirstConflict(std::span<const TransactPrecondition> preconditions,
                                           WallMillis now);
  SpaceDelta DeltaOf(std::span<const TransactOperation> operations,
                     std::span<const Incoming> incoming);
  Result<TransactOutcome> TransactOnce(std::span<const TransactPrecondition> preconditions,
                                       std::span<const TransactOperation> operations,
                                       std::span<Incoming> incoming, WallMillis now);

  MemorySpace& space_;
  KeyHash hash_;
  std::atomic<std::size_t> sweep_start_ = 0;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace prism::engine
