// The parts of SqliteKeyValueStore that go over many keys.
#include <algorithm>

#include "engine/sqlite/sqlite_keyvalue_store.h"

namespace prism::engine {
namespace {

// Expired rows that a scan passes over, beyond the entries of its page, before it answers.
constexpr std::size_t kMaxExpired = 1000;
constexpr std::size_t kSweepChunk = 1000;

// The first key to look at: above `after`, or at the prefix itself. Without either it is above the
// empty key, which nobody can write.
struct Start {
  Start(std::string_view prefix, std::string_view after)
      : above(after >= prefix), key(above ? after : prefix) {}
  bool above;
  std::string_view key;
};

Result<sqlite::Statement> PrepareScan(sqlite::Connection& db, bool above, bool keys_only) {
  if (keys_only) {
    return db.Prepare(above ? "SELECT key, version, expires_at FROM keyvalue WHERE key > ?1 "
                              "ORDER BY key"
                            : "SELECT key, version, expires_at FROM keyvalue WHERE key >= ?1 "
                              "ORDER BY key");
  }
  return db.Prepare(above ? "SELECT key, version, expires_at, length(tags), length(value), tags, "
                            "value FROM keyvalue WHERE key > ?1 ORDER BY key"
                          : "SELECT key, version, expires_at, length(tags), length(value), tags, "
                            "value FROM keyvalue WHERE key >= ?1 ORDER BY key");
}

std::size_t RowBytes(const sqlite::Statement& row, bool keys_only) {
  std::size_t bytes = row.BlobAt(0).size();
  if (!keys_only) bytes += static_cast<std::size_t>(row.IntAt(3) + row.IntAt(4));
  return bytes;
}

ScannedEntry ReadEntry(const sqlite::Statement& row, bool keys_only) {
  ScannedEntry entry;
  entry.key = row.BlobAt(0);
  entry.record.version = static_cast<Version>(row.IntAt(1));
  entry.record.expires_at = row.IntAt(2);
  if (!keys_only) {
    entry.record.tags = base::Buffer::Copy(row.BlobAt(5));
    entry.record.value = base::Buffer::Copy(row.BlobAt(6));
  }
  return entry;
}

bool Expired(WallMillis expires_at, WallMillis now) {
  return expires_at != kNeverExpires && expires_at <= now;
}

}  // namespace

Result<ScanPage> SqliteKeyValueStore::Scan(const ScanQuery& query, WallMillis now) {
  const Start start(query.prefix, query.after);
  TRY_ASSIGN(sqlite::Statement rows, PrepareScan(space_.db(), start.above, query.keys_only));
  rows.Blob(1, start.key);
  ScanPage page;
  std::size_t bytes = 0;
  std::size_t expired = 0;
  while (true) {
    TRY_ASSIGN(const bool found, rows.Step());
    if (!found || !rows.BlobAt(0).starts_with(query.prefix)) {
      page.end = true;
      return page;
    }
    if (Expired(rows.IntAt(2), now)) {
      if (++expired > kMaxExpired) return page;
      page.resume = rows.BlobAt(0);
      continue;
    }
    if (page.entries.size() >= query.max_entries) return page;
    bytes += RowBytes(rows, query.keys_only);
    if (!page.entries.empty() && bytes > query.max_bytes) return page;
    page.entries.push_back(ReadEntry(rows, query.keys_only));
    page.resume = page.entries.back().key;
  }
}

Result<SqliteKeyValueStore::Visits> SqliteKeyValueStore::Visit(std::string_view prefix,
                                                               std::string_view cursor,
                                                               std::size_t max_visited,
                                                               WallMillis now) {
  const Start start(prefix, cursor);
  TRY_ASSIGN(
      sqlite::Statement rows,
      space_.db().Prepare(start.above ? "SELECT key, expires_at, length(tags), length(value) "
                                        "FROM keyvalue WHERE key > ?1 ORDER BY key"
                                      : "SELECT key, expires_at, length(tags), length(value) "
                                        "FROM keyvalue WHERE key >= ?1 ORDER BY key"));
  rows.Blob(1, start.key);
  Visits visits;
  while (true) {
    TRY_ASSIGN(const bool found, rows.Step());
    if (!found || !rows.BlobAt(0).starts_with(prefix)) {
      visits.end = true;
      return visits;
    }
    if (visits.rows.size() >= std::max<std::size_t>(max_visited, 1)) return visits;
    const std::string_view key = rows.BlobAt(0);
    visits.rows.push_back(
        {.key = std::string(key),
         .bytes = static_cast<std::int64_t>(key.size()) + rows.IntAt(2) + rows.IntAt(3),
         .live = !Expired(rows.IntAt(1), now)});
  }
}

Result<PrefixProgress> SqliteKeyValueStore::CountPage(std::string_view prefix,
                                                      std::string_view cursor,
                                                      std::size_t max_visited, WallMillis now) {
  TRY_ASSIGN(const Visits visits, Visit(prefix, cursor, max_visited, now));
  PrefixProgress progress;
  progress.keys = static_cast<std::uint64_t>(std::ranges::count_if(visits.rows, &Visited::live));
  progress.end = visits.end;
  if (!visits.end) progress.cursor = visits.rows.back().key;
  return progress;
}

Result<PrefixProgress> SqliteKeyValueStore::DeletePrefixPage(std::string_view prefix,
                                                             std::string_view cursor,
                                                             std::size_t max_visited,
                                                             WallMillis now) {
  TRY_ASSIGN(const Visits visits, Visit(prefix, cursor, max_visited, now));
  PrefixProgress progress;
  for (const Visited& row : visits.rows) {
    TRY(Remove(row.key, row.bytes));
    progress.keys += row.live ? 1 : 0;
  }
  progress.end = visits.end;
  if (!visits.end) progress.cursor = visits.rows.back().key;
  return progress;
}

Result<bool> SqliteKeyValueStore::Sweep(WallMillis now, std::size_t budget) {
  std::vector<Visited> due;
  {
    // Rows that reads take for others, or don't find, are not ours to remove: 0 reads as "never",
    // and only bytes are keys.
    TRY_ASSIGN(sqlite::Statement rows,
               space_.db().Prepare("SELECT key, length(tags), length(value) FROM keyvalue "
                                   "WHERE expires_at BETWEEN 1 AND ?1 AND typeof(key) = 'blob' "
                                   "ORDER BY expires_at LIMIT ?2"));
    rows.Int(1, now).Int(2, static_cast<std::int64_t>(budget));
    while (true) {
      TRY_ASSIGN(const bool found, rows.Step());
      if (!found) break;
      const std::string_view key = rows.BlobAt(0);
      due.push_back(
          {.key = std::string(key),
           .bytes = static_cast<std::int64_t>(key.size()) + rows.IntAt(1) + rows.IntAt(2)});
    }
  }
  for (const Visited& row : due) TRY(Remove(row.key, row.bytes));
  return due.size() >= budget;
}

Status SqliteKeyValueStore::SweepAll(WallMillis now) {
  bool more = true;
  while (more) {
    TRY_ASSIGN(more, Sweep(now, kSweepChunk));
  }
  return {};
}

}  // namespace prism::engine
