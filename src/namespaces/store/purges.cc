#include "namespaces/store/purges.h"

#include <array>

#include "namespaces/store/table.h"

namespace prism::namespaces {

namespace {

enum Column : std::uint8_t { kId, kNamespace, kBackend, kRequestedAt, kRequestedBy, kRevision };
constexpr std::array<std::string_view, 6> kColumns = {"id",           "namespace",    "backend",
                                                      "requested_at", "requested_by", "revision"};
constinit const Table kPurgeTable("purges", kColumns, "checksum", Table::Hash::kChecksum);

Result<Purge> ToPurge(const Row& row) {
  Purge purge;
  TRY_ASSIGN(purge.id, NumberIn(row[kId]));
  purge.ns = row[kNamespace].value_or("");
  purge.backend = row[kBackend].value_or("");
  TRY_ASSIGN(purge.requested_at, NumberIn(row[kRequestedAt]));
  purge.requested_by = row[kRequestedBy].value_or("");
  TRY_ASSIGN(purge.revision, NumberIn(row[kRevision]));
  return purge;
}

}  // namespace

Status AddPurge(sqlite::Connection& connection, const Purge& purge) {
  TRY_ASSIGN(const std::int64_t id, kPurgeTable.NextId(connection));
  return kPurgeTable.Insert(
      connection, {std::to_string(id), purge.ns, purge.backend, std::to_string(purge.requested_at),
                   purge.requested_by, std::to_string(purge.revision)});
}

Result<std::vector<Purge>> ListPurges(sqlite::Connection& connection) {
  TRY_ASSIGN(const std::vector<Row> rows, kPurgeTable.Select(connection, "ORDER BY id"));
  std::vector<Purge> purges;
  for (const Row& row : rows) {
    TRY_ASSIGN(Purge purge, ToPurge(row));
    purges.push_back(std::move(purge));
  }
  return purges;
}

Result<std::vector<Purge>> GiveUpPurges(sqlite::Connection& connection) {
  TRY_ASSIGN(std::vector<Purge> purges, ListPurges(connection));
  for (const Purge& purge : purges) TRY(EndPurge(connection, purge));
  return purges;
}

Status EndPurge(sqlite::Connection& connection, const Purge& purge) {
  return kPurgeTable.Delete(connection, purge.id);
}

}  // namespace prism::namespaces
