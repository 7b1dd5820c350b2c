// The histories of backends and namespaces: append-only, each row with the hash of the one before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "namespaces/store/change.h"
#include "namespaces/store/table.h"

namespace prism::namespaces {

// One change of one record.
struct HistoryEntry {
  std::int64_t id = 0;
  std::int64_t object_id = 0;  // of the namespace or backend
  std::string name;
  std::string operation;        // create, update, delete, restore, purge
  std::int64_t changed_at = 0;  // seconds since 1970, UTC
  std::string changed_by;
  std::string reason;
  Revision revision = 0;
  std::optional<std::string> old_config;  // JSON; nothing: it was not there
  std::optional<std::string> new_config;  // nothing: it is gone
  std::string hash = {};                  // in hex, of what was read; over the row before too
};

// The hash before the first row.
inline constexpr std::string_view kFirstHash = "0";

// One of the histories. Immutable.
class History {
 public:
  constexpr explicit History(const Table& table) : table_(table) {}

  // Writes the entry (its id is chosen here) behind the row with the hash `head`, which becomes the
  // new row's.
  Status Append(sqlite::Connection& connection, const HistoryEntry& entry, std::string& head) const;
  // SQL behind the table's name.
  Result<std::vector<HistoryEntry>> Select(sqlite::Connection& connection, std::string_view where,
                                           std::span<const std::string> arguments = {}) const;
  // Walks the whole chain. DATA_LOSS/HISTORY_BROKEN names the first row that was changed, that is
  // out of its place, or behind which one is missing; `head` is what the store knows of the end.
  Status Verify(sqlite::Connection& connection, std::string_view head) const;

 private:
  const Table& table_;
};

// Whether the tables of namespaces and backends hold what their histories end with: none is
// missing, none is older, none has come by itself. DATA_LOSS/CONFIG_STORE_DAMAGED.
Status CheckTables(sqlite::Connection& connection);

extern const History kNamespaceHistory;
extern const History kBackendHistory;

}  // namespace prism::namespaces
