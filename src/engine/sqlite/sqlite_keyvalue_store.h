// The keys of one namespace in its file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/keyvalue_store.h"
#include "engine/sqlite/sqlite_space.h"

namespace prism::engine {

// Plain SQL on one connection; each call leaves no statement open. Changes belong to the
// transaction of whoever calls. A native failure shows in the connection too, so that the batch is
// taken back. Thread rule: as its connection.
class SqliteKeyValueStore final : public KeyValueStore {
 public:
  // The value comes last: what reads only the rest does not follow a large value's chain of pages.
  static constexpr std::string_view kSchema =
      "CREATE TABLE keyvalue(key BLOB PRIMARY KEY NOT NULL, version INTEGER NOT NULL, "
      "expires_at INTEGER, tags BLOB, value BLOB NOT NULL) WITHOUT ROWID;"
      "CREATE INDEX keyvalue_expiry ON keyvalue(expires_at) WHERE expires_at IS NOT NULL;";

  explicit SqliteKeyValueStore(SqliteSpace& space) : space_(space) {}

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

 private:
  // What a row has beside its bytes. A row may have expired; `found` says only that it is there.
  struct Stored {
    bool found = false;
    Version version = kNoVersion;
    WallMillis expires_at = kNeverExpires;
    std::int64_t bytes = 0;  // as the quota counts them

    bool Live(WallMillis now) const {
      return found && (expires_at == kNeverExpires || expires_at > now);
    }
  };
  struct Visited {
    std::string key;
    std::int64_t bytes = 0;
    bool live = false;
  };
  // Rows of a prefix in order.
  struct Visits {
    std::vector<Visited> rows;
    bool end = false;
  };

  Result<Stored> Look(std::string_view key);
  // The live record, value and tags included.
  Result<std::optional<KeyValueRecord>> Read(std::string_view key, WallMillis now);
  // Writes over what Look found, which the caller has reserved room for.
  Result<Version> Write(std::string_view key, const Stored& stored, const KeyValueWrite& write);
  // Reserves room, then writes.
  Result<Version> Put(std::string_view key, const KeyValueWrite& write);
  Status RemoveRow(std::string_view key);
  // Also counts it out.
  Status Remove(std::string_view key, std::int64_t bytes);
  Status SetExpiry(std::string_view key, WallMillis expires_at);
  Result<Visits> Visit(std::string_view prefix, std::string_view cursor, std::size_t max_visited,
                       WallMillis now);
  Status SweepAll(WallMillis now);
  // Room for the outcome of all operations; what is there now for each of them.
  Result<std::vector<Stored>> ReserveAll(std::span<const TransactOperation> operations);

  // Room that expired entries take is room: a write that was refused gets a second chance without
  // them. The first attempt has changed nothing.
  template <class Attempt>
  auto WithRoom(WallMillis now, Attempt attempt) -> decltype(attempt()) {
    auto outcome = attempt();
    if (outcome || outcome.error().reason() != "QUOTA_EXCEEDED") return outcome;
    TRY(SweepAll(now));
    return attempt();
  }

  SqliteSpace& space_;
};

}  // namespace prism::engine
