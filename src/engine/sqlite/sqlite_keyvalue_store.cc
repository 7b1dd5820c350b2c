#include "engine/sqlite/sqlite_keyvalue_store.h"

#include <utility>

#include "models/keyvalue/decimal.h"

namespace prism::engine {
namespace {

std::int64_t BytesOf(std::string_view key, const KeyValueWrite& write) {
  return static_cast<std::int64_t>(key.size() + write.value.size() + write.tags.size());
}

void BindExpiry(sqlite::Statement& statement, int parameter, WallMillis expires_at) {
  if (expires_at == kNeverExpires) {
    statement.Null(parameter);
  } else {
    statement.Int(parameter, expires_at);
  }
}

SwapOutcome NotSwapped(std::optional<KeyValueRecord> current) {
  SwapOutcome outcome;
  if (current) outcome.version = current->version;
  outcome.current = std::move(current);
  return outcome;
}

const KeyValueRecord* Pointer(const std::optional<KeyValueRecord>& record) {
  return record ? &*record : nullptr;
}

}  // namespace

Result<SqliteKeyValueStore::Stored> SqliteKeyValueStore::Look(std::string_view key) {
  TRY_ASSIGN(sqlite::Statement get,
             space_.db().Prepare("SELECT version, expires_at, length(tags), length(value) "
                                 "FROM keyvalue WHERE key = ?1"));
  TRY_ASSIGN(const bool found, get.Blob(1, key).Step());
  if (!found) return Stored();
  // NULL reads as 0: no expiry, no tags.
  return Stored{
      .found = true,
      .version = static_cast<Version>(get.IntAt(0)),
      .expires_at = get.IntAt(1),
      .bytes = static_cast<std::int64_t>(key.size()) + get.IntAt(2) + get.IntAt(3),
  };
}

Result<std::optional<KeyValueRecord>> SqliteKeyValueStore::Read(std::string_view key,
                                                                WallMillis now) {
  TRY_ASSIGN(
      sqlite::Statement get,
      space_.db().Prepare("SELECT version, expires_at, tags, value FROM keyvalue WHERE key = ?1"));
  TRY_ASSIGN(const bool found, get.Blob(1, key).Step());
  if (!found) return std::nullopt;
  const WallMillis expires_at = get.IntAt(1);
  if (expires_at != kNeverExpires && expires_at <= now) return std::nullopt;
  return KeyValueRecord{.value = base::Buffer::Copy(get.BlobAt(3)),
                        .tags = base::Buffer::Copy(get.BlobAt(2)),
                        .version = static_cast<Version>(get.IntAt(0)),
                        .expires_at = expires_at};
}

Result<Version> SqliteKeyValueStore::Write(std::string_view key, const Stored& stored,
                                           const KeyValueWrite& write) {
  const Version version = space_.NextVersion();
  // An unchanged expiry is left out: its index need not be looked at.
  const bool same_expiry = stored.found && stored.expires_at == write.expires_at;
  TRY_ASSIGN(sqlite::Statement put,
             space_.db().Prepare(
                 !stored.found ? "INSERT INTO keyvalue(key, version, tags, value, expires_at) "
                                 "VALUES(?1, ?2, ?3, ?4, ?5)"
                 : same_expiry
                     ? "UPDATE keyvalue SET version = ?2, tags = ?3, value = ?4 WHERE key = ?1"
                     : "UPDATE keyvalue SET version = ?2, tags = ?3, value = ?4, expires_at = ?5 "
                       "WHERE key = ?1"));
  put.Blob(1, key).Int(2, static_cast<std::int64_t>(version)).Blob(4, write.value);
  if (!write.tags.empty()) put.Blob(3, write.tags);
  if (!same_expiry) BindExpiry(put, 5, write.expires_at);
  TRY(put.Run());
  return version;
}

Result<Version> SqliteKeyValueStore::Put(std::string_view key, const KeyValueWrite& write) {
  TRY_ASSIGN(const Stored stored, Look(key));
  TRY(space_.Reserve(BytesOf(key, write) - stored.bytes, stored.found ? 0 : 1));
  return Write(key, stored, write);
}

Status SqliteKeyValueStore::RemoveRow(std::string_view key) {
  TRY_ASSIGN(sqlite::Statement remove, space_.db().Prepare("DELETE FROM keyvalue WHERE key = ?1"));
  return remove.Blob(1, key).Run();
}

Status SqliteKeyValueStore::Remove(std::string_view key, std::int64_t bytes) {
  TRY(RemoveRow(key));
  return space_.Reserve(-bytes, -1);
}

Status SqliteKeyValueStore::SetExpiry(std::string_view key, WallMillis expires_at) {
  TRY_ASSIGN(sqlite::Statement put,
             space_.db().Prepare("UPDATE keyvalue SET expires_at = ?2 WHERE key = ?1"));
  put.Blob(1, key);
  BindExpiry(put, 2, expires_at);
  return put.Run();
}

Result<std::optional<KeyValueRecord>> SqliteKeyValueStore::Get(std::string_view key,
                                                               WallMillis now) {
  return Read(key, now);
}

Result<bool> SqliteKeyValueStore::Exists(std::string_view key, WallMillis now) {
  TRY_ASSIGN(const Stored stored, Look(key));
  return stored.Live(now);
}

Result<std::optional<KeyValueRecord>> SqliteKeyValueStore::GetMeta(std::string_view key,
                                                                   WallMillis now) {
  TRY_ASSIGN(const Stored stored, Look(key));
  if (!stored.Live(now)) return std::nullopt;
  return KeyValueRecord{.version = stored.version, .expires_at = stored.expires_at};
}

Result<Version> SqliteKeyValueStore::Set(std::string_view key, const KeyValueWrite& write,
                                         WallMillis now) {
  return WithRoom(now, [&] { return Put(key, write); });
}

Result<bool> SqliteKeyValueStore::Delete(std::string_view key, WallMillis now) {
  TRY_ASSIGN(const Stored stored, Look(key));
  if (!stored.found) return false;
  TRY(Remove(key, stored.bytes));
  return stored.Live(now);
}

Result<bool> SqliteKeyValueStore::Expire(std::string_view key, WallMillis expires_at,
                                         WallMillis now) {
  TRY_ASSIGN(const Stored stored, Look(key));
  if (!stored.Live(now)) return false;
  TRY(SetExpiry(key, expires_at));
  return true;
}

Result<bool> SqliteKeyValueStore::Persist(std::string_view key, WallMillis now) {
  TRY_ASSIGN(const Stored stored, Look(key));
  if (!stored.Live(now) || stored.expires_at == kNeverExpires) return false;
  TRY(SetExpiry(key, kNeverExpires));
  return true;
}

Result<SwapOutcome> SqliteKeyValueStore::CompareAndSwap(std::string_view key,
                                                        const KeyValueExpectation& expect,
                                                        const KeyValueWrite& write,
                                                        WallMillis now) {
  return WithRoom(now, [&]() -> Result<SwapOutcome> {
    TRY_ASSIGN(auto current, Read(key, now));
    if (!expect.Holds(Pointer(current))) return NotSwapped(std::move(current));
    TRY_ASSIGN(const Version version, Put(key, write));
    return SwapOutcome{.done = true, .version = version};
  });
}

Result<SwapOutcome> SqliteKeyValueStore::CompareAndDelete(std::string_view key,
                                                          const KeyValueExpectation& expect,
                                                          WallMillis now) {
  TRY_ASSIGN(auto current, Read(key, now));
  if (!current || !expect.Holds(&*current)) return NotSwapped(std::move(current));
  TRY(Remove(key,
             static_cast<std::int64_t>(key.size() + current->value.size() + current->tags.size())));
  return SwapOutcome{.done = true};
}

Result<IncrementOutcome> SqliteKeyValueStore::Increment(std::string_view key, std::int64_t delta,
                                                        WallMillis now) {
  using Kind = IncrementOutcome::Kind;
  return WithRoom(now, [&]() -> Result<IncrementOutcome> {
    TRY_ASSIGN(const auto current, Read(key, now));
    const auto before = current ? models::ParseDecimal(current->value.view()) : 0;
    if (!before) return IncrementOutcome{.kind = Kind::kNotAnInteger};
    const auto after = models::AddDecimal(*before, delta);
    if (!after) return IncrementOutcome{.kind = Kind::kOverflow};
    const std::string text = std::to_string(*after);
    KeyValueWrite write = {.value = text};
    if (current) {
      write.tags = current->tags.view();
      write.expires_at = current->expires_at;
    }
    TRY_ASSIGN(const Version version, Put(key, write));
    return IncrementOutcome{.value = *after, .version = version};
  });
}

Result<std::vector<SqliteKeyValueStore::Stored>> SqliteKeyValueStore::ReserveAll(
    std::span<const TransactOperation> operations) {
  std::vector<Stored> all;
  all.reserve(operations.size());
  std::int64_t bytes = 0;
  std::int64_t keys = 0;
  for (const TransactOperation& operation : operations) {
    TRY_ASSIGN(const Stored stored, Look(operation.key));
    bytes -= stored.bytes;
    keys -= stored.found ? 1 : 0;
    if (operation.kind == TransactOperation::Kind::kSet) {
      bytes += BytesOf(operation.key, operation.write);
      ++keys;
    }
    all.push_back(stored);
  }
  TRY(space_.Reserve(bytes, keys));
  return all;
}

Result<TransactOutcome> SqliteKeyValueStore::Transact(
    std::span<const TransactPrecondition> preconditions,
    std::span<const TransactOperation> operations, WallMillis now) {
  TransactOutcome outcome;
  for (; outcome.conflict < preconditions.size(); ++outcome.conflict) {
    const TransactPrecondition& precondition = preconditions[outcome.conflict];
    TRY_ASSIGN(const Stored stored, Look(precondition.key));
    if ((stored.Live(now) ? stored.version : kNoVersion) != precondition.version) return outcome;
  }
  outcome.conflict = 0;
  TRY_ASSIGN(const std::vector<Stored> stored,
             WithRoom(now, [&] { return ReserveAll(operations); }));
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (operations[i].kind == TransactOperation::Kind::kSet) {
      TRY_ASSIGN(const Version version, Write(operations[i].key, stored[i], operations[i].write));
      outcome.versions.push_back(version);
      continue;
    }
    if (stored[i].found) TRY(RemoveRow(operations[i].key));
    outcome.versions.push_back(kNoVersion);
  }
  outcome.committed = true;
  return outcome;
}

}  // namespace prism::engine
