// The data that is to go with namespaces that were deleted: known until it is gone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "namespaces/store/change.h"
#include "sqlite/connection.h"

namespace prism::namespaces {

// The data of one deleted namespace on one backend.
struct Purge {
  std::int64_t id = 0;  // chosen by AddPurge
  std::string ns;
  std::string backend;
  std::int64_t requested_at = 0;  // seconds since 1970, UTC
  std::string requested_by;
  Revision revision = 0;  // that has deleted the namespace
};

// In the transaction of that revision.
Status AddPurge(sqlite::Connection& connection, const Purge& purge);
// Oldest first. DATA_LOSS/CONFIG_STORE_DAMAGED.
Result<std::vector<Purge>> ListPurges(sqlite::Connection& connection);
// Forgets all of them, and answers which: for a store that is put back, where somebody may have
// made a namespace of that name since.
Result<std::vector<Purge>> GiveUpPurges(sqlite::Connection& connection);
// The data is gone.
Status EndPurge(sqlite::Connection& connection, const Purge& purge);

}  // namespace prism::namespaces
