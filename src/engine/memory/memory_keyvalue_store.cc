#include "engine/memory/memory_keyvalue_store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "models/keyvalue/decimal.h"

namespace prism::engine {
namespace {

// Entries that one hold of a stripe's lock sweeps at most.
constexpr std::size_t kSweepPerLock = 32;

SwapOutcome NotSwapped(const KeyValueRecord* current) {
  SwapOutcome outcome;
  if (current != nullptr) {
    outcome.version = current->version;
    outcome.current = *current;
  }
  return outcome;
}

}  // namespace

// A key's stripe, locked, and the key's live entry in it. Sweeps a little in passing: an entry that
// has expired is gone before the caller looks.
class MemoryKeyValueStore::LockedKey {
 public:
  LockedKey(MemoryKeyValueStore& store, std::string_view key, WallMillis now)
      : store_(store), key_(key), place_(store.Locate(key)), lock_(place_.stripe.mutex) {
    KeyValueTable& table = place_.stripe.table;
    std::size_t removed = 0;
    for (Entry* due = table.Due(now); due != nullptr && removed < kSweepPerWrite;
         due = table.Due(now)) {
      trash_[removed++] = store_.RemoveEntry(place_.stripe, *due);
    }
    current_ = table.Find(key, place_.hash);
    if (current_ != nullptr && current_->ExpiredAt(now)) {
      trash_[removed] = store_.RemoveEntry(place_.stripe, *std::exchange(current_, nullptr));
    }
  }

  Entry* current() const { return current_; }
  const KeyValueRecord* record() const { return current_ == nullptr ? nullptr : &current_->record; }

  Result<Version> Write(Incoming& incoming) {
    TRY(store_.space_.Reserve(DeltaOfSet(current_, key_, incoming)));
    return store_.Write(place_.stripe, place_.hash, current_, key_, incoming);
  }
  void Remove() {
    trash_.back() = store_.RemoveEntry(place_.stripe, *std::exchange(current_, nullptr));
  }
  void SetExpiry(WallMillis expires_at) {
    place_.stripe.table.SetExpiry(*current_, expires_at);
    NoteDue(place_.stripe);
  }

 private:
  MemoryKeyValueStore& store_;
  std::string_view key_;
  Place place_;
  Entry* current_ = nullptr;
  // Before the lock, so that entries are freed after it is released.
  std::array<Removed, kSweepPerWrite + 2> trash_;
  std::lock_guard<StripeMutex> lock_;
};

MemoryKeyValueStore::MemoryKeyValueStore(MemorySpace& space) : space_(space) {
  // Starting at the microseconds of today, versions are larger than all that a stripe gave in an
  // earlier life of the process, as long as it wrote less than a million times a second on average.
  const auto start = static_cast<Version>(std::max<WallMillis>(0, space.clock().Now())) * 1000;
  for (Stripe& stripe : stripes_) stripe.version = start;
}

MemoryKeyValueStore::~MemoryKeyValueStore() = default;

MemoryKeyValueStore::Removed MemoryKeyValueStore::RemoveEntry(Stripe& stripe, Entry& entry) {
  space_.Release(entry.bytes(), KeyValueTable::kEntryOverhead);
  Removed removed = stripe.table.Remove(entry);
  NoteDue(stripe);
  return removed;
}

void MemoryKeyValueStore::NoteDue(Stripe& stripe) {
  const WallMillis next = stripe.table.NextExpiry();
  stripe.next_due.store(next == kNeverExpires ? kNothingDue : next, std::memory_order_relaxed);
}

SpaceDelta MemoryKeyValueStore::DeltaOfSet(const Entry* current, std::string_view key,
                                           const Incoming& incoming) {
  const auto after = static_cast<std::int64_t>(key.size() + incoming.bytes());
  if (current == nullptr) {
    return {.bytes = after, .keys = 1, .overhead = KeyValueTable::kEntryOverhead};
  }
  return {.bytes = after - static_cast<std::int64_t>(current->bytes())};
}

Version MemoryKeyValueStore::Write(Stripe& stripe, std::uint64_t hash, Entry* current,
                                   std::string_view key, Incoming& incoming) {
  Entry& entry = current != nullptr ? *current : stripe.table.Insert(key, hash);
  std::swap(entry.record.value, incoming.value);
  std::swap(entry.record.tags, incoming.tags);
  stripe.table.SetExpiry(entry, incoming.expires_at);
  NoteDue(stripe);
  return entry.record.version = ++stripe.version;
}

void MemoryKeyValueStore::SweepAll(WallMillis now) {
  for (Stripe& stripe : stripes_) {
    std::size_t unlimited = std::numeric_limits<std::size_t>::max();
    SweepStripe(stripe, now, unlimited);
  }
}

Result<std::optional<KeyValueRecord>> MemoryKeyValueStore::Get(std::string_view key,
                                                               WallMillis now) {
  const Place place = Locate(key);
  std::optional<KeyValueRecord> found;
  const std::lock_guard lock(place.stripe.mutex);
  const Entry* entry = place.stripe.table.Find(key, place.hash);
  if (entry != nullptr && !entry->ExpiredAt(now)) {
    entry->record.value.Prefetch();
    found = entry->record;
  }
  return found;
}

Result<bool> MemoryKeyValueStore::Exists(std::string_view key, WallMillis now) {
  const Place place = Locate(key);
  const std::lock_guard lock(place.stripe.mutex);
  const Entry* entry = place.stripe.table.Find(key, place.hash);
  return entry != nullptr && !entry->ExpiredAt(now);
}

Result<std::optional<KeyValueRecord>> MemoryKeyValueStore::GetMeta(std::string_view key,
                                                                   WallMillis now) {
  const Place place = Locate(key);
  std::optional<KeyValueRecord> found;
  const std::lock_guard lock(place.stripe.mutex);
  const Entry* entry = place.stripe.table.Find(key, place.hash);
  if (entry != nullptr && !entry->ExpiredAt(now)) found = WithoutBytes(entry->record);
  return found;
}

Result<Version> MemoryKeyValueStore::Set(std::string_view key, const KeyValueWrite& write,
                                         WallMillis now) {
  Incoming incoming(write);
  return WithRoom(now, [&] { return LockedKey(*this, key, now).Write(incoming); });
}

Result<bool> MemoryKeyValueStore::Delete(std::string_view key, WallMillis now) {
  LockedKey at(*this, key, now);
  if (at.current() == nullptr) return false;
  at.Remove();
  return true;
}

Result<bool> MemoryKeyValueStore::Expire(std::string_view key, WallMillis expires_at,
                                         WallMillis now) {
  LockedKey at(*this, key, now);
  if (at.current() == nullptr) return false;
  at.SetExpiry(expires_at);
  return true;
}

Result<bool> MemoryKeyValueStore::Persist(std::string_view key, WallMillis now) {
  LockedKey at(*this, key, now);
  if (at.current() == nullptr || at.record()->expires_at == kNeverExpires) return false;
  at.SetExpiry(kNeverExpires);
  return true;
}

Result<SwapOutcome> MemoryKeyValueStore::CompareAndSwap(std::string_view key,
                                                        const KeyValueExpectation& expect,
                                                        const KeyValueWrite& write,
                                                        WallMillis now) {
  Incoming incoming(write);
  return WithRoom(now, [&]() -> Result<SwapOutcome> {
    LockedKey at(*this, key, now);
    if (!expect.Holds(at.record())) return NotSwapped(at.record());
    TRY_ASSIGN(const Version version, at.Write(incoming));
    return SwapOutcome{.done = true, .version = version, .current = std::nullopt};
  });
}

Result<SwapOutcome> MemoryKeyValueStore::CompareAndDelete(std::string_view key,
                                                          const KeyValueExpectation& expect,
                                                          WallMillis now) {
  LockedKey at(*this, key, now);
  if (at.current() == nullptr || !expect.Holds(at.record())) return NotSwapped(at.record());
  at.Remove();
  return SwapOutcome{.done = true};
}

Result<IncrementOutcome> MemoryKeyValueStore::Increment(std::string_view key, std::int64_t delta,
                                                        WallMillis now) {
  base::Buffer replaced;  // freed after the lock
  return WithRoom(now, [&]() -> Result<IncrementOutcome> {
    using Kind = IncrementOutcome::Kind;
    LockedKey at(*this, key, now);
    const auto before =
        at.record() == nullptr ? 0 : models::ParseDecimal(at.record()->value.view());
    if (!before) return IncrementOutcome{.kind = Kind::kNotAnInteger};
    const auto after = models::AddDecimal(*before, delta);
    if (!after) return IncrementOutcome{.kind = Kind::kOverflow};

    const std::string text = std::to_string(*after);
    Incoming incoming({.value = text});
    if (at.current() != nullptr) {
      incoming.tags = at.record()->tags;
      incoming.expires_at = at.record()->expires_at;
    }
    TRY_ASSIGN(const Version version, at.Write(incoming));
    replaced = std::move(incoming.value);
    return IncrementOutcome{.value = *after, .version = version};
  });
}

// True when more is due. `budget` is reduced by what was swept.
bool MemoryKeyValueStore::SweepStripe(Stripe& stripe, WallMillis now, std::size_t& budget) {
  while (stripe.next_due.load(std::memory_order_relaxed) <= now) {
    if (budget == 0) return true;
    std::array<Removed, kSweepPerLock> trash;
    const std::lock_guard lock(stripe.mutex);
    for (Removed& removed : trash) {
      Entry* due = stripe.table.Due(now);
      if (due == nullptr || budget == 0) break;
      removed = RemoveEntry(stripe, *due);
      --budget;
    }
  }
  return false;
}

Result<bool> MemoryKeyValueStore::Sweep(WallMillis now, std::size_t budget) {
  // Each call starts with another stripe, so that a small budget does not stay with the first ones.
  const std::size_t start = sweep_start_.fetch_add(1, std::memory_order_relaxed);
  bool more = false;
  for (std::size_t i = 0; i < kStripes; ++i) {
    more |= SweepStripe(stripes_[(start + i) % kStripes], now, budget);
  }
  return more;
}

bool MemoryKeyValueStore::MayExpire() {
  return std::ranges::any_of(stripes_, [](Stripe& stripe) {
    const std::lock_guard lock(stripe.mutex);
    return stripe.table.NextExpiry() != kNeverExpires;
  });
}

}  // namespace prism::engine
