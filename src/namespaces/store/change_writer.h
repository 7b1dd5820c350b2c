// One change of the store, inside its transaction.
#pragma once

#include <cstdint>
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

  // See ConfigStore::Commit.
  Result<Committed> Apply(const Change& change);

 private:
  Status CheckSeen(const Change& change);
  Status Write(const Edit<BackendConfig>& edit);
  Status Write(const Edit<NamespaceConfig>& edit);
  Status WritePurges(const NamespaceConfig& gone);
  Status WriteFeatures(const Record<NamespaceConfig>& record);
  template <class Config>
  Record<Config> NewRecord(const Edit<Config>& edit, const std::optional<Record<Config>>& old,
                           std::int64_t id) const;
  template <class Config>
  Status Remember(const History& history, const std::optional<Record<Config>>& old,
                  const Edit<Config>& edit, std::int64_t id, std::string& head);
  Result<std::string> TypeOf(const NamespaceConfig& config);

  sqlite::Connection& connection_;
  const Author& author_;
  const std::int64_t now_;
  StoreState state_;
  int written_ = 0;
  std::vector<Edit<NamespaceFacts>> facts_;
};

}  // namespace prism::namespaces
