// What the model stores of one namespace share on one connection: the connection, the counters of
// the file, the quotas.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/status.h"
#include "models/limits.h"
#include "sqlite/connection.h"

namespace prism::engine {

// Rows of the table `meta`, changed only together with what they count.
struct SqliteCounters {
  std::int64_t last_version = 0;  // the highest that was ever given
  std::int64_t keys = 0;   // entries of all models, expired ones that are still there included
  std::int64_t bytes = 0;  // their keys, values and tags
  std::int64_t request_ids = 0;

  bool operator==(const SqliteCounters&) const = default;
};

// Thread rule: as its connection.
class SqliteSpace {
 public:
  SqliteSpace(sqlite::Connection& connection, const models::NamespaceLimits& limits)
      : connection_(connection), limits_(limits) {}
  SqliteSpace(const SqliteSpace&) = delete;
  SqliteSpace& operator=(const SqliteSpace&) = delete;

  sqlite::Connection& db() { return connection_; }
  const models::NamespaceLimits& limits() const { return limits_; }

  // --- writer only ---
  // Reads the counters of the file. Versions go on at the microseconds of today at least, so that a
  // file that was put back from a backup does not give a version again.
  Status Load(WallMillis now);
  // Writes those that have changed since they were last stored.
  Status Store();
  // After a rollback: back to what was stored. Versions are not given again.
  void Forget();
  // After a commit.
  void Keep() { committed_ = counters_; }

  std::uint64_t NextVersion() { return static_cast<std::uint64_t>(++counters_.last_version); }
  // RESOURCE_EXHAUSTED/QUOTA_EXCEEDED when a change does not fit, and then nothing is counted. What
  // only removes or shrinks always fits.
  Status Reserve(std::int64_t bytes, std::int64_t keys);
  SqliteCounters& counters() { return counters_; }

 private:
  sqlite::Connection& connection_;
  const models::NamespaceLimits& limits_;
  SqliteCounters counters_;
  SqliteCounters committed_;
};

}  // namespace prism::engine
