// Long work that people can ask about, in the store's file, so that it is known after a restart
// what became of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "sqlite/database.h"
#include "sqlite/migrations.h"

namespace prism::gateway {

struct OperationRecord {
  std::int64_t id = 0;
  std::string kind;         // "config backup"
  std::string object = {};  // "namespace/orders"; empty: there is nothing to name
  std::string created_by;
  WallMillis created_at = 0;
  std::optional<WallMillis> ended_at = {};  // nothing: it goes on
  std::string error = {};                   // "CODE/REASON: message" of one that has failed
  std::string result = {};
};

// Life cycle: Start, then the rest. The database is of a sqlite::PlainKind with Part(). Thread
// rule: everything blocks and is thread-safe; not on a shard.
class OperationStore {
 public:
  static constexpr WallMillis kKeepEnded = WallMillis{7} * 24 * 3600 * 1000;
  static constexpr std::size_t kMaxKept = 1000;

  // Both outlive the store.
  OperationStore(sqlite::Database& database, Clock& clock) : database_(database), clock_(clock) {}

  static sqlite::SchemaPart Part();
  // What was going on when the process before this one died has failed: ABORTED/INTERRUPTED. But
  // not what is about one of `resumed`, which goes on by itself.
  Status Start(const std::vector<std::string>& resumed = {});

  // `also` joins the transaction, such as to record it; an error of it undoes all.
  using Also = std::function<Status(sqlite::Connection&)>;
  Result<OperationRecord> Begin(std::string_view kind, std::string_view by, const Also& also = {});
  // `record` has kind, creator and object; id and time are added.
  Result<OperationRecord> Begin(OperationRecord record, const Also& also = {});
  // The same in a transaction of others, of the same file.
  Status BeginIn(sqlite::Connection& connection, OperationRecord& record);
  // Ends what goes on about this object.
  Status EndIn(sqlite::Connection& connection, const std::string& object,
               const std::string& result);
  // Forgets those that ended long ago.
  Status End(std::int64_t id, const Result<std::string>& result);
  // Nothing: there is none, or no longer.
  Result<std::optional<OperationRecord>> Find(std::int64_t id);
  // Newest first, those before `before` (0: from the newest one).
  Result<std::vector<OperationRecord>> List(std::int64_t before, std::size_t limit);

 private:
  sqlite::Database& database_;
  Clock& clock_;
};

}  // namespace prism::gateway
