// The one row that says which store a file is and how far it has come.
#pragma once

#include <optional>
#include <string>

#include "namespaces/store/change.h"
#include "namespaces/store/high_water.h"
#include "sqlite/connection.h"

namespace prism::namespaces {

struct StoreState {
  std::string store_id;
  Revision revision = 0;
  std::string namespace_head;  // hash of the newest row of each history
  std::string backend_head;

  HighWater mark() const;
};

// Nothing: nobody has written yet.
Result<std::optional<StoreState>> ReadState(sqlite::Connection& connection);
Status WriteState(sqlite::Connection& connection, const StoreState& state);
// Of a store that is new.
StoreState NewState();

}  // namespace prism::namespaces
