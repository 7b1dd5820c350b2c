// A chain of rows in the store's file that belongs to others, as the audit does. For tests.
#pragma once

#include <array>
#include <limits>
#include <string>
#include <string_view>

#include "namespaces/store/change.h"
#include "namespaces/store/config_store.h"
#include "sqlite/chain_head.h"
#include "sqlite/row_hash.h"

namespace prism::namespaces::testing {

inline constexpr std::array<std::string_view, 1> kTestChainSteps = {
    "CREATE TABLE test_chain(id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, "
    "hash TEXT NOT NULL) STRICT"};

inline Result<sqlite::ChainHead> ReadTestChain(sqlite::Connection& db, std::int64_t up_to) {
  TRY_ASSIGN(sqlite::Statement select,
             db.Prepare("SELECT id, hash FROM test_chain WHERE id <= ?1 ORDER BY id DESC LIMIT 1"));
  TRY_ASSIGN(const bool found, select.Int(1, up_to).Step());
  if (!found) return sqlite::ChainHead();
  return sqlite::ChainHead{select.IntAt(0), std::string(select.TextAt(1))};
}

// A ConfigStore::Also.
inline Status AppendToTestChain(sqlite::Connection& db, Revision revision) {
  TRY_ASSIGN(const sqlite::ChainHead head,
             ReadTestChain(db, std::numeric_limits<std::int64_t>::max()));
  const std::string hash = sqlite::RowHash().Text(head.hash).Int(revision).Hex();
  TRY_ASSIGN(sqlite::Statement insert,
             db.Prepare("INSERT INTO test_chain(id, revision, hash) VALUES(?1, ?2, ?3)"));
  return insert.Int(1, head.id + 1).Int(2, revision).Text(3, hash).Run();
}

inline ConfigStoreOptions WithTestChain(const std::string& path, const std::string& vfs = {}) {
  return {.path = path,
          .more_parts = {{"test_chain", kTestChainSteps}},
          .chain = ReadTestChain,
          .vfs = vfs};
}

}  // namespace prism::namespaces::testing
