// One change of the store, inside its transaction.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "namespaces/store/change.h"
#include "namespaces/store/history.h"
#include "namespaces/store/records.h"
#include "namespaces/store/store_state.h"

namespace prism::namespaces {

// Life cycle: on the stack of one transaction, which is given up when Apply fails.
class ChangeWriter {
 public:
  ChangeWriter(sqlite::Connection& connection, const Author& author, std::int64_t now)
      : connection_(connection), author_(author), now_(now) {}

  // See ConfigStore::Commit. `old_ids`: what comes back under the id that it had.
  using OldIds = std::map<std::string, std::int64_t>;
  Result<Revision> Apply(const Change& change, const OldIds& backends = {},
                         const OldIds& namespaces = {});

 private:
  Status CheckSeen(const Change& change);
  Status Write(const Edit<BackendConfig>& edit, const OldIds& old_ids);
  Status Write(const Edit<NamespaceConfig>& edit, const OldIds& old_ids);
  Status WriteFeatures(const Record<NamespaceConfig>& record);
  template <class Config>
  Record<Config> NewRecord(const Edit<Config>& edit, const std::optional<Record<Config>>& old,
                           std::int64_t id) const;
  template <class Config>
  Status Remember(const History& history, const std::optional<Record<Config>>& old,
                  const Edit<Config>& edit, std::int64_t id, bool restored, std::string& head);
  Result<std::string> TypeOf(const NamespaceConfig& config);

  sqlite::Connection& connection_;
  const Author& author_;
  const std::int64_t now_;
  StoreState state_;
  int written_ = 0;
};

}  // namespace prism::namespaces
