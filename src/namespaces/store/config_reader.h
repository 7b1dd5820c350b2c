// What lists, histories and watchers read of the store, without loading all of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "filter/sql.h"
#include "namespaces/store/config_store.h"
#include "namespaces/store/namespace_filter.h"

namespace prism::namespaces {

// Which records of a table.
struct RecordQuery {
  // The parameters of `where` are numbered from here.
  static constexpr int kFirstParameter = 4;

  std::string after = {};  // those with names behind this one
  std::size_t limit = 100;
  filter::SqlCondition where = {.text = "1"};
  // Only these; nothing: all.
  std::optional<std::vector<std::string>> names = {};
};

// A part of a list.
template <class T>
struct RowPage {
  std::vector<T> rows;
  bool more = false;
  std::int64_t total = 0;  // on all pages; of records only
  Revision revision = 0;   // the configuration's
};

// One transaction of the store.
struct RevisionEntry {
  Revision revision = 0;
  std::int64_t changed_at = 0;  // seconds since 1970, UTC
  std::string changed_by;
  std::string reason;
  std::vector<std::string> objects;  // "namespace/orders"; at most kMaxObjects
  std::int64_t total = 0;            // of objects

  static constexpr std::size_t kMaxObjects = 100;
};

// What became of some namespaces: each as it is now, or nothing when it is gone.
struct NamespaceChanges {
  std::vector<std::pair<std::string, std::optional<FoundNamespace>>> now;
  std::int64_t last = 0;  // where to go on
  bool more = false;      // there are changes behind these
  Revision revision = 0;  // the configuration's
};

// Each method reads one state of the store. Life cycle: on the stack or as a member of whoever
// reads; the store outlives it. Thread rule: any thread, but blocking: not on a shard.
class ConfigReader {
 public:
  // Fields of namespaces that can be counted by; empty for others.
  static std::string_view CountColumn(std::string_view field);

  explicit ConfigReader(ConfigStore& store) : store_(store) {}

  Result<Revision> CurrentRevision() const;
  // Nothing: there is none of that name.
  Result<std::optional<FoundNamespace>> FindNamespace(const std::string& name) const;
  Result<std::optional<FoundBackend>> FindBackend(const std::string& name) const;
  // As they were. OUT_OF_RANGE/REVISION_UNKNOWN.
  Result<std::optional<FoundNamespace>> FindNamespaceAt(const std::string& name,
                                                        Revision revision) const;
  Result<std::optional<FoundBackend>> FindBackendAt(const std::string& name,
                                                    Revision revision) const;

  // By name.
  Result<RowPage<FoundNamespace>> ListNamespaces(const RecordQuery& query) const;
  Result<RowPage<FoundBackend>> ListBackends(const RecordQuery& query) const;
  // How many there are of each value of a column of CountColumn, most first, and of all. At most
  // `query.limit` values; `after` does not count. With an empty column: of all together.
  struct Counts {
    std::vector<std::pair<std::string, std::int64_t>> values;
    std::int64_t total = 0;
  };
  Result<Counts> CountNamespaces(const RecordQuery& query, std::string_view column) const;

  // Newest first, those before the entry with the id `before` (0: from the newest one), of whatever
  // has had this name.
  Result<RowPage<HistoryEntry>> NamespaceHistory(const std::string& name, std::int64_t before,
                                                 std::size_t limit) const;
  Result<RowPage<HistoryEntry>> BackendHistory(const std::string& name, std::int64_t before,
                                               std::size_t limit) const;
  // Newest first, those before `before` (0: from the newest one).
  Result<RowPage<RevisionEntry>> Revisions(Revision before, std::size_t limit) const;

  // Where NamespaceChangesAfter goes on from a revision.
  Result<std::int64_t> HistoryPlaceOf(Revision revision) const;
  // The next `limit` changes behind a place.
  Result<NamespaceChanges> NamespaceChangesAfter(std::int64_t place, std::size_t limit) const;

 private:
  ConfigStore& store_;
};

}  // namespace prism::namespaces
