// What the KeyValue services need of a store: plain synchronous calls, `now` is a parameter.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/status.h"
#include "engine/model_store.h"
#include "models/keyvalue/pages.h"
#include "models/keyvalue/record.h"

namespace prism::engine {

// From a counter of the store that never gives the same number to a key twice, not even after the
// key was removed or the process was restarted. Never 0.
using Version = std::uint64_t;
inline constexpr Version kNoVersion = 0;

// What stores of every kind are told in the same way.
using models::KeyValueWrite;
using models::kNeverExpires;
using models::PrefixProgress;
using models::ScanQuery;

struct KeyValueRecord {
  base::Buffer value = {};
  base::Buffer tags = {};  // as the service encoded them; empty: none
  Version version = kNoVersion;
  WallMillis expires_at = kNeverExpires;
};

inline KeyValueRecord WithoutBytes(const KeyValueRecord& record) {
  return {.version = record.version, .expires_at = record.expires_at};
}

struct KeyValueExpectation {
  using Kind = models::CheckedExpectation::Kind;
  Kind kind = Kind::kAbsent;
  std::string_view value = {};
  Version version = kNoVersion;

  // `current` is null when the key is absent.
  bool Holds(const KeyValueRecord* current) const {
    if (current == nullptr) return kind == Kind::kAbsent;
    return (kind == Kind::kValue && current->value.view() == value) ||
           (kind == Kind::kVersion && current->version == version);
  }
};

struct SwapOutcome {
  bool done = false;
  Version version = kNoVersion;  // the new one when done by a swap, else what is there
  std::optional<KeyValueRecord> current = {};  // what is there, when not done and the key exists
};

struct IncrementOutcome {
  enum class Kind : std::uint8_t { kDone, kNotAnInteger, kOverflow };
  Kind kind = Kind::kDone;
  std::int64_t value = 0;
  Version version = kNoVersion;
};

struct ScannedEntry {
  std::string key;
  KeyValueRecord record;
};

// A page may hold fewer entries than asked for, even none, without being the last.
struct ScanPage {
  std::vector<ScannedEntry> entries;  // in byte order of the keys
  bool end = false;                   // nothing was behind this page
  std::string resume;                 // `after` of the next page, unless `end`
};

struct TransactPrecondition {
  std::string_view key;
  Version version = kNoVersion;  // kNoVersion: the key must be absent
};

struct TransactOperation {
  enum class Kind : std::uint8_t { kSet, kDelete };
  Kind kind = Kind::kSet;
  std::string_view key = {};
  KeyValueWrite write = {};  // of kSet
};

struct TransactOutcome {
  bool committed = false;
  std::size_t conflict = 0;       // index of the first precondition that failed, unless committed
  std::vector<Version> versions;  // per operation, kNoVersion for removals
};

// The keys of one namespace.
//
// Keys and values have been validated: 1..1024 bytes without NUL, sizes within the namespace's
// limits. A record is absent from the millisecond `expires_at` on (expires_at <= now), whether or
// not it has been swept. Expected failures (a lost swap, a conflict, no integer) are values and
// leave no trace; an error means that nothing was changed: RESOURCE_EXHAUSTED/MEMORY_LIMIT,
// QUOTA_EXCEEDED, DISK_FULL, or what the storage reports. Removing and shrinking always work at a
// full quota. Before a quota refuses, what has expired is removed, so the quota counts live entries
// only. Each call does a bounded amount of work. Thread rule: as its Store says.
class KeyValueStore : public ModelStore {
 public:
  virtual Result<std::optional<KeyValueRecord>> Get(std::string_view key, WallMillis now) = 0;
  virtual Result<bool> Exists(std::string_view key, WallMillis now) = 0;
  // As Get, without the value and the tags: for the time to live and for read sets.
  virtual Result<std::optional<KeyValueRecord>> GetMeta(std::string_view key, WallMillis now) = 0;

  virtual Result<Version> Set(std::string_view key, const KeyValueWrite& write, WallMillis now) = 0;
  // Whether the key was there.
  virtual Result<bool> Delete(std::string_view key, WallMillis now) = 0;

  virtual Result<ScanPage> Scan(const ScanQuery& query, WallMillis now) = 0;
  // Looks at no more than `max_visited` keys. `cursor` is empty at first, then from the call
  // before.
  virtual Result<PrefixProgress> CountPage(std::string_view prefix, std::string_view cursor,
                                           std::size_t max_visited, WallMillis now) = 0;
  virtual Result<PrefixProgress> DeletePrefixPage(std::string_view prefix, std::string_view cursor,
                                                  std::size_t max_visited, WallMillis now) = 0;

  // Both keep value, tags and version. Expire: whether the key was there. Persist: whether an
  // expiry was there and is gone.
  virtual Result<bool> Expire(std::string_view key, WallMillis expires_at, WallMillis now) = 0;
  virtual Result<bool> Persist(std::string_view key, WallMillis now) = 0;

  virtual Result<SwapOutcome> CompareAndSwap(std::string_view key,
                                             const KeyValueExpectation& expect,
                                             const KeyValueWrite& write, WallMillis now) = 0;
  virtual Result<SwapOutcome> CompareAndDelete(std::string_view key,
                                               const KeyValueExpectation& expect,
                                               WallMillis now) = 0;
  // An absent key counts as 0 and becomes one without expiry; expiry and tags of one that is there
  // stay. What counts as an integer: ParseDecimal in models/keyvalue/decimal.h.
  virtual Result<IncrementOutcome> Increment(std::string_view key, std::int64_t delta,
                                             WallMillis now) = 0;

  // All preconditions hold at one instant and all operations are applied at it; or nothing is. No
  // key has two operations. A quota is held against the outcome of the whole.
  virtual Result<TransactOutcome> Transact(std::span<const TransactPrecondition> preconditions,
                                           std::span<const TransactOperation> operations,
                                           WallMillis now) = 0;
};

}  // namespace prism::engine
