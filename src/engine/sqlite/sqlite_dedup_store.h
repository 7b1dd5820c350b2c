// Request ids in the namespace's file.
#pragma once

#include <string_view>

#include "engine/dedup_store.h"
#include "engine/sqlite/sqlite_space.h"

namespace prism::engine {

// Writer's thread only: there is one writer, so a section needs no lock.
class SqliteDedupStore final : public DedupStore {
 public:
  static constexpr std::string_view kSchema =
      "CREATE TABLE request_ids(id BLOB PRIMARY KEY NOT NULL, payload BLOB NOT NULL, "
      "expires_at INTEGER NOT NULL, response BLOB NOT NULL) WITHOUT ROWID;"
      "CREATE INDEX request_ids_expiry ON request_ids(expires_at);";

  explicit SqliteDedupStore(SqliteSpace& space) : space_(space) {}

  void Enter(const models::Digest&) override {}
  void Leave(const models::Digest&) override {}
  Result<std::optional<RememberedAnswer>> Find(const models::Digest& id, WallMillis now) override;
  Status Remember(const models::Digest& id, const models::Digest& payload,
                  std::string_view response, WallMillis expires_at) override;

  // Forgets up to `budget` ids whose window has passed. True when more are due.
  Result<bool> Sweep(WallMillis now, std::size_t budget);

 private:
  SqliteSpace& space_;
};

}  // namespace prism::engine
