#include "namespaces/store/store_state.h"

#include <array>

#include "base/ids.h"
#include "namespaces/store/history.h"
#include "namespaces/store/table.h"
#include "sqlite/row_hash.h"

namespace prism::namespaces {

namespace {

enum Column : std::uint8_t { kId, kStoreId, kRevision, kNamespaceHead, kBackendHead };
constexpr std::array<std::string_view, 5> kColumns = {
    "id", "store_id", "revision", "namespace_history_hash", "backend_history_hash"};
constinit const Table kStateTable("config_store", kColumns, "checksum", Table::Hash::kChecksum);

}  // namespace

HighWater StoreState::mark() const {
  return {.store_id = store_id,
          .revision = revision,
          .history_hash = sqlite::RowHash().Text(namespace_head).Text(backend_head).Hex()};
}

Result<std::optional<StoreState>> ReadState(sqlite::Connection& connection) {
  TRY_ASSIGN(const std::vector<Row> rows, kStateTable.Select(connection, ""));
  if (rows.empty()) return std::nullopt;
  const Row& row = rows.front();
  StoreState state;
  state.store_id = row[kStoreId].value_or("");
  TRY_ASSIGN(state.revision, NumberIn(row[kRevision]));
  state.namespace_head = row[kNamespaceHead].value_or("");
  state.backend_head = row[kBackendHead].value_or("");
  return state;
}

Status WriteState(sqlite::Connection& connection, const StoreState& state) {
  return kStateTable.Put(connection, {"1", state.store_id, std::to_string(state.revision),
                                      state.namespace_head, state.backend_head});
}

StoreState NewState() {
  return {.store_id = base::NewId(),
          .revision = 0,
          .namespace_head = std::string(kFirstHash),
          .backend_head = std::string(kFirstHash)};
}

}  // namespace prism::namespaces
