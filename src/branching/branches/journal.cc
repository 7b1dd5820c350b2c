#include "branching/branches/journal.h"

#include <array>
#include <functional>
#include <utility>

#include "branching/pgwire/refusal.h"
#include "branching/scram/keys.h"
#include "sqlite/plain_database.h"

namespace prism::branching {

namespace {

using sqlite::Connection;
using sqlite::Statement;

// Times are milliseconds of Unix time. `state` is 'making' until the volume is there, and
// 'removing' until it is gone.
constexpr std::array<std::string_view, 7> kSteps = {R"sql(
CREATE TABLE branch_secrets(
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;
CREATE TABLE generations(
  id TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('making', 'there', 'removing')),
  major INTEGER NOT NULL,
  as_of INTEGER NOT NULL,
  max_prepared_transactions INTEGER NOT NULL
) STRICT;
CREATE TABLE generation_roles(
  generation TEXT NOT NULL REFERENCES generations(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  password TEXT,
  may_login INTEGER NOT NULL,
  valid_until INTEGER,
  PRIMARY KEY(generation, name)
) STRICT;
CREATE TABLE branches(
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  label TEXT NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('making', 'there', 'removing')),
  generation TEXT NOT NULL REFERENCES generations(id),
  parent TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  last_activity INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
)sql",
                                                    R"sql(
ALTER TABLE branches ADD COLUMN protected INTEGER NOT NULL DEFAULT 0;
ALTER TABLE branches ADD COLUMN expires_at INTEGER;
CREATE TABLE spares(
  volume TEXT PRIMARY KEY,
  generation TEXT NOT NULL REFERENCES generations(id)
) STRICT;
)sql",
                                                    R"sql(
ALTER TABLE branches ADD COLUMN parent_id TEXT NOT NULL DEFAULT '';
)sql",
                                                    R"sql(
ALTER TABLE branches ADD COLUMN volume TEXT NOT NULL DEFAULT '';
ALTER TABLE branches ADD COLUMN next_volume TEXT;
UPDATE branches SET volume = id;
CREATE TABLE snapshots(
  id TEXT PRIMARY KEY,
  branch TEXT NOT NULL REFERENCES branches(id),
  name TEXT NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('making', 'there', 'removing')),
  created_at INTEGER NOT NULL,
  automatic INTEGER NOT NULL,
  generation TEXT NOT NULL REFERENCES generations(id),
  as_of INTEGER NOT NULL,
  checkpoint_lsn TEXT NOT NULL,
  timeline INTEGER NOT NULL,
  system_identifier TEXT NOT NULL,
  UNIQUE(branch, name)
) STRICT;
)sql",
                                                    R"sql(
CREATE TABLE sources(
  name TEXT PRIMARY KEY,
  state TEXT NOT NULL CHECK(state IN ('making', 'there', 'removing')),
  kind TEXT NOT NULL,
  path TEXT NOT NULL,
  roles TEXT NOT NULL,
  password TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL
) STRICT;
ALTER TABLE generations RENAME COLUMN source TO mark;
ALTER TABLE generations ADD COLUMN source TEXT NOT NULL DEFAULT 'source';
ALTER TABLE generations ADD COLUMN checkpoint_lsn TEXT NOT NULL DEFAULT '';
)sql",
                                                    R"sql(
CREATE TABLE generation_collations(
  generation TEXT NOT NULL REFERENCES generations(id) ON DELETE CASCADE,
  database TEXT NOT NULL,
  recorded TEXT NOT NULL,
  actual TEXT NOT NULL,
  PRIMARY KEY(generation, database)
) STRICT;
)sql",
                                                    R"sql(
ALTER TABLE generations ADD COLUMN timeline INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN system_identifier TEXT NOT NULL DEFAULT '';
)sql"};

// As ReadGeneration reads it.
constexpr std::string_view kSelectGeneration =
    "SELECT id, source, mark, major, as_of, max_prepared_transactions, checkpoint_lsn, timeline, "
    "system_identifier FROM generations WHERE state = 'there' AND source = ?1 ";

constexpr std::string_view kLoginSecret = "login";
constexpr std::size_t kSecretBytes = 32;

Result<std::optional<std::string>> FindSecret(Connection& connection) {
  TRY_ASSIGN(Statement select,
             connection.Prepare("SELECT value FROM branch_secrets WHERE name = ?1"));
  TRY_ASSIGN(const bool there, select.Text(1, kLoginSecret).Step());
  if (!there) return std::nullopt;
  return std::string(select.BlobAt(0));
}

Generation ReadGeneration(const Statement& row) {
  return {.id = std::string(row.TextAt(0)),
          .source = std::string(row.TextAt(1)),
          .mark = std::string(row.TextAt(2)),
          .major = static_cast<int>(row.IntAt(3)),
          .as_of = row.IntAt(4),
          .max_prepared_transactions = static_cast<std::uint32_t>(row.IntAt(5)),
          .checkpoint_lsn = std::string(row.TextAt(6)),
          .timeline = static_cast<int>(row.IntAt(7)),
          .system_identifier = std::string(row.TextAt(8))};
}

AddedSource ReadSource(const Statement& row) {
  return {.name = std::string(row.TextAt(0)),
          .kind = std::string(row.TextAt(1)),
          .path = std::string(row.TextAt(2)),
          .roles = std::string(row.TextAt(3)),
          .password = std::string(row.TextAt(4)),
          .created_at = row.IntAt(5),
          .created_by = std::string(row.TextAt(6))};
}

StoredRole ReadRole(const Statement& row) {
  StoredRole role{.name = std::string(row.TextAt(0)),
                  .password = {},
                  .may_login = row.IntAt(2) != 0,
                  .valid_until = {}};
  if (!row.IsNullAt(1)) role.password = row.TextAt(1);
  if (!row.IsNullAt(3)) role.valid_until = row.IntAt(3);
  return role;
}

Branch ReadBranch(const Statement& row) {
  Branch branch = {.id = std::string(row.TextAt(0)),
                   .name = std::string(row.TextAt(1)),
                   .label = std::string(row.TextAt(2)),
                   .generation = std::string(row.TextAt(3)),
                   .major = 0,
                   .max_prepared_transactions = 0,
                   .parent = std::string(row.TextAt(4)),
                   .as_of = row.IntAt(5),
                   .created_at = row.IntAt(6),
                   .created_by = std::string(row.TextAt(7)),
                   .last_activity = row.IntAt(8),
                   .deleted_at = {},
                   .is_protected = false,
                   .expires_at = {}};
  if (!row.IsNullAt(9)) branch.deleted_at = row.IntAt(9);
  branch.major = static_cast<int>(row.IntAt(10));
  branch.max_prepared_transactions = static_cast<std::uint32_t>(row.IntAt(11));
  branch.is_protected = row.IntAt(12) != 0;
  if (!row.IsNullAt(13)) branch.expires_at = row.IntAt(13);
  branch.parent_id = row.TextAt(14);
  branch.volume = row.TextAt(15);
  branch.source = row.TextAt(16);
  return branch;
}

std::string ReadId(const Statement& row) { return std::string(row.TextAt(0)); }

// All rows of a statement.
template <class T>
Result<std::vector<T>> ReadAll(Statement& select, T (*read)(const Statement&)) {
  std::vector<T> rows;
  for (;;) {
    TRY_ASSIGN(const bool more, select.Step());
    if (!more) return rows;
    rows.push_back(read(select));
  }
}

Status WriteRole(Connection& connection, std::string_view generation, const StoredRole& role) {
  TRY_ASSIGN(Statement insert,
             connection.Prepare("INSERT INTO generation_roles(generation, name, password, "
                                "may_login, valid_until) VALUES(?1, ?2, ?3, ?4, ?5)"));
  insert.Text(1, generation).Text(2, role.name).Int(4, role.may_login ? 1 : 0);
  role.password ? insert.Text(3, *role.password) : insert.Null(3);
  role.valid_until ? insert.Int(5, *role.valid_until) : insert.Null(5);
  return insert.Run();
}

Status WriteCollationChange(Connection& connection, std::string_view generation,
                            const CollationChange& change) {
  TRY_ASSIGN(Statement insert,
             connection.Prepare("INSERT INTO generation_collations(generation, database, recorded, "
                                "actual) VALUES(?1, ?2, ?3, ?4)"));
  insert.Text(1, generation).Text(2, change.database);
  return insert.Text(3, change.recorded).Text(4, change.actual).Run();
}

CollationChange ReadCollationChange(const Statement& row) {
  return {.database = std::string(row.TextAt(0)),
          .recorded = std::string(row.TextAt(1)),
          .actual = std::string(row.TextAt(2)),
          .source = std::string(row.TextAt(3))};
}

Result<bool> HasTable(Connection& connection, std::string_view name) {
  TRY_ASSIGN(Statement find, connection.Prepare("SELECT 1 FROM sqlite_schema WHERE name = ?1"));
  return find.Text(1, name).Step();
}

void SetTime(Statement& statement, int parameter, const std::optional<WallMillis>& time) {
  time ? statement.Int(parameter, *time) : statement.Null(parameter);
}

Snapshot ReadSnapshot(const Statement& row) {
  return {.id = std::string(row.TextAt(0)),
          .branch = std::string(row.TextAt(1)),
          .name = std::string(row.TextAt(2)),
          .created_at = row.IntAt(3),
          .is_automatic = row.IntAt(4) != 0,
          .generation = std::string(row.TextAt(5)),
          .major = static_cast<int>(row.IntAt(10)),
          .max_prepared_transactions = static_cast<std::uint32_t>(row.IntAt(11)),
          .as_of = row.IntAt(6),
          .checkpoint_lsn = std::string(row.TextAt(7)),
          .timeline = static_cast<int>(row.IntAt(8)),
          .system_identifier = std::string(row.TextAt(9))};
}

Status WriteSnapshot(Connection& connection, const Snapshot& snapshot, std::string_view state) {
  TRY_ASSIGN(Statement insert,
             connection.Prepare("INSERT INTO snapshots(id, branch, name, state, created_at, "
                                "automatic, generation, as_of, checkpoint_lsn, timeline, "
                                "system_identifier) "
                                "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"));
  insert.Text(1, snapshot.id).Text(2, snapshot.branch).Text(3, snapshot.name).Text(4, state);
  insert.Int(5, snapshot.created_at).Int(6, snapshot.is_automatic ? 1 : 0);
  insert.Text(7, snapshot.generation).Int(8, snapshot.as_of).Text(9, snapshot.checkpoint_lsn);
  return insert.Int(10, snapshot.timeline).Text(11, snapshot.system_identifier).Run();
}

// By no other branch than that of the id, and no source.
Status CheckNameIsFree(Connection& connection, std::string_view name, std::string_view id) {
  TRY_ASSIGN(Statement branch,
             connection.Prepare("SELECT 1 FROM branches WHERE name = ?1 AND id != ?2"));
  TRY_ASSIGN(const bool taken, branch.Text(1, name).Text(2, id).Step());
  if (taken) return std::unexpected(Refuse(Refusal::kBranchNameTaken, name));
  TRY_ASSIGN(Statement source, connection.Prepare("SELECT 1 FROM sources WHERE name = ?1"));
  TRY_ASSIGN(const bool is_source, source.Text(1, name).Step());
  if (is_source) return std::unexpected(Refuse(Refusal::kNameOfSource, name));
  return {};
}

Result<std::vector<AddedSource>> SelectSources(Connection& connection, std::string_view state) {
  TRY_ASSIGN(Statement select,
             connection.Prepare(std::string("SELECT name, kind, path, roles, password, created_at, "
                                            "created_by FROM sources WHERE state ") +
                                std::string(state) + " ORDER BY name"));
  return ReadAll(select, ReadSource);
}

Status InsertBranch(Connection& connection, const Branch& branch, std::string_view state) {
  TRY(CheckNameIsFree(connection, branch.name, branch.id));
  TRY_ASSIGN(Statement insert,
             connection.Prepare("INSERT INTO branches(id, name, label, state, generation, parent, "
                                "as_of, created_at, created_by, last_activity, expires_at, "
                                "parent_id, volume) "
                                "VALUES(?1, ?2, ?3, ?11, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?12, ?13)"));
  insert.Text(1, branch.id).Text(2, branch.name).Text(3, branch.label);
  insert.Text(4, branch.generation).Text(5, branch.parent).Int(6, branch.as_of);
  insert.Int(7, branch.created_at).Text(8, branch.created_by).Int(9, branch.last_activity);
  SetTime(insert, 10, branch.expires_at);
  return insert.Text(11, state).Text(12, branch.parent_id).Text(13, branch.volume).Run();
}

}  // namespace

Result<std::vector<AddedSource>> ReadSources(Connection& journal) {
  TRY_ASSIGN(const bool has_sources, HasTable(journal, "sources"));
  if (!has_sources) return std::vector<AddedSource>();
  return SelectSources(journal, "= 'there'");
}

Result<std::vector<CollationChange>> ReadRecordedCollationChanges(Connection& journal) {
  TRY_ASSIGN(const bool has_any, HasTable(journal, "generation_collations"));
  if (!has_any) return std::vector<CollationChange>();
  TRY_ASSIGN(
      Statement select,
      journal.Prepare("SELECT c.database, c.recorded, c.actual, g.source "
                      "FROM generation_collations c JOIN generations g ON g.id = c.generation "
                      "WHERE g.id = (SELECT id FROM generations n WHERE n.source = g.source "
                      "AND n.state = 'there' ORDER BY as_of DESC, id DESC LIMIT 1) "
                      "ORDER BY g.source, c.database"));
  return ReadAll(select, ReadCollationChange);
}

sqlite::SchemaPart Journal::Part() { return {"branches", kSteps}; }

Result<std::string> Journal::LoginSecret() {
  return sqlite::WriteAndWait(database_, [](Connection& connection) -> Result<std::string> {
    TRY_ASSIGN(std::optional<std::string> known, FindSecret(connection));
    if (known) return *std::move(known);
    TRY_ASSIGN(std::string secret, RandomBytes(kSecretBytes));
    TRY_ASSIGN(Statement insert,
               connection.Prepare("INSERT INTO branch_secrets(name, value) VALUES(?1, ?2)"));
    TRY(insert.Text(1, kLoginSecret).Blob(2, secret).Run());
    return secret;
  });
}

Status Journal::BeginGeneration(const Generation& generation) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement insert,
               connection.Prepare("INSERT INTO generations(id, source, state, major, as_of, "
                                  "max_prepared_transactions, mark) "
                                  "VALUES(?1, ?2, 'making', ?3, ?4, ?5, ?6)"));
    insert.Text(1, generation.id).Text(2, generation.source).Int(3, generation.major);
    insert.Int(4, generation.as_of).Int(5, generation.max_prepared_transactions);
    return insert.Text(6, generation.mark).Run();
  });
}

Status Journal::CompleteGeneration(const Generation& generation,
                                   const std::vector<StoredRole>& roles,
                                   const std::vector<CollationChange>& collations) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    for (const StoredRole& role : roles) TRY(WriteRole(connection, generation.id, role));
    for (const CollationChange& change : collations) {
      TRY(WriteCollationChange(connection, generation.id, change));
    }
    TRY_ASSIGN(Statement update,
               connection.Prepare("UPDATE generations SET state = 'there', checkpoint_lsn = ?2, "
                                  "timeline = ?3, system_identifier = ?4 WHERE id = ?1"));
    update.Text(1, generation.id).Text(2, generation.checkpoint_lsn).Int(3, generation.timeline);
    return update.Text(4, generation.system_identifier).Run();
  });
}

Result<std::optional<Generation>> Journal::FindGeneration(std::string_view source,
                                                          std::string_view mark) {
  return sqlite::ReadAndWait(
      database_, [&](Connection& connection) -> Result<std::optional<Generation>> {
        TRY_ASSIGN(Statement select,
                   connection.Prepare(std::string(kSelectGeneration) +
                                      "AND mark = ?2 ORDER BY as_of DESC, id DESC LIMIT 1"));
        TRY_ASSIGN(const bool there, select.Text(1, source).Text(2, mark).Step());
        if (!there) return std::nullopt;
        return ReadGeneration(select);
      });
}

Result<std::vector<StoredRole>> Journal::Roles(std::string_view generation) {
  return sqlite::ReadAndWait(
      database_, [&](Connection& connection) -> Result<std::vector<StoredRole>> {
        TRY_ASSIGN(Statement select,
                   connection.Prepare("SELECT name, password, may_login, valid_until "
                                      "FROM generation_roles WHERE generation = ?1"));
        select.Text(1, generation);
        return ReadAll(select, ReadRole);
      });
}

Status Journal::BeginBranch(const Branch& branch) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    return InsertBranch(connection, branch, "making");
  });
}

Status Journal::BeginSpare(std::string_view volume, std::string_view generation) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement insert,
               connection.Prepare("INSERT INTO spares(volume, generation) VALUES(?1, ?2)"));
    return insert.Text(1, volume).Text(2, generation).Run();
  });
}

Status Journal::ClaimSpare(const Branch& branch) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement remove, connection.Prepare("DELETE FROM spares WHERE volume = ?1"));
    TRY(remove.Text(1, branch.volume).Run());
    return InsertBranch(connection, branch, "there");
  });
}

Status Journal::CompleteBranch(std::string_view id) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement update,
               connection.Prepare("UPDATE branches SET state = 'there' WHERE id = ?1"));
    return update.Text(1, id).Run();
  });
}

Status Journal::Update(const Branch& branch) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY(CheckNameIsFree(connection, branch.name, branch.id));
    TRY_ASSIGN(Statement update,
               connection.Prepare("UPDATE branches SET name = ?2, label = ?3, protected = ?4, "
                                  "expires_at = ?5 WHERE id = ?1"));
    update.Text(1, branch.id).Text(2, branch.name).Text(3, branch.label);
    SetTime(update.Int(4, branch.is_protected ? 1 : 0), 5, branch.expires_at);
    TRY(update.Run());
    TRY_ASSIGN(Statement children,
               connection.Prepare("UPDATE branches SET parent = ?2 WHERE parent_id = ?1"));
    return children.Text(1, branch.id).Text(2, branch.name).Run();
  });
}

Status Journal::NoteActivity(std::string_view id, WallMillis at) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement update,
               connection.Prepare("UPDATE branches SET last_activity = ?2 WHERE id = ?1"));
    return update.Text(1, id).Int(2, at).Run();
  });
}

Status Journal::MarkDeleted(const std::vector<std::string>& ids, WallMillis at) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    for (const std::string& id : ids) {
      TRY_ASSIGN(Statement update,
                 connection.Prepare("UPDATE branches SET deleted_at = ?2 WHERE id = ?1"));
      TRY(update.Text(1, id).Int(2, at).Run());
    }
    return {};
  });
}

Status Journal::Undelete(std::string_view id) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement update,
               connection.Prepare("UPDATE branches SET deleted_at = NULL WHERE id = ?1"));
    return update.Text(1, id).Run();
  });
}

Status Journal::BeginRemoval(std::string_view volume) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    for (const char* sql : {"UPDATE snapshots SET state = 'removing' WHERE id = ?1 OR branch IN "
                            "(SELECT id FROM branches WHERE volume = ?1)",
                            "UPDATE branches SET state = 'removing' WHERE volume = ?1",
                            "UPDATE generations SET state = 'removing' WHERE id = ?1"}) {
      TRY_ASSIGN(Statement update, connection.Prepare(sql));
      TRY(update.Text(1, volume).Run());
    }
    return {};
  });
}

Status Journal::Forget(std::string_view volume) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    for (const char* sql :
         {"UPDATE branches SET next_volume = NULL WHERE next_volume = ?1",
          "DELETE FROM snapshots WHERE id = ?1", "DELETE FROM branches WHERE volume = ?1",
          "DELETE FROM spares WHERE volume = ?1", "DELETE FROM generations WHERE id = ?1"}) {
      TRY_ASSIGN(Statement remove, connection.Prepare(sql));
      TRY(remove.Text(1, volume).Run());
    }
    return {};
  });
}

Status Journal::BeginSnapshot(const Snapshot& snapshot) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    return WriteSnapshot(connection, snapshot, "making");
  });
}

Status Journal::CompleteSnapshot(const Snapshot& snapshot) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement update,
               connection.Prepare("UPDATE snapshots SET state = 'there', checkpoint_lsn = ?2, "
                                  "timeline = ?3, system_identifier = ?4 WHERE id = ?1"));
    update.Text(1, snapshot.id).Text(2, snapshot.checkpoint_lsn).Int(3, snapshot.timeline);
    return update.Text(4, snapshot.system_identifier).Run();
  });
}

Result<std::vector<Snapshot>> Journal::Snapshots() {
  return sqlite::ReadAndWait(
      database_, [](Connection& connection) -> Result<std::vector<Snapshot>> {
        TRY_ASSIGN(
            Statement select,
            connection.Prepare("SELECT s.id, s.branch, s.name, s.created_at, s.automatic, "
                               "s.generation, s.as_of, s.checkpoint_lsn, s.timeline, "
                               "s.system_identifier, g.major, g.max_prepared_transactions "
                               "FROM snapshots s JOIN generations g ON g.id = s.generation "
                               "WHERE s.state = 'there' ORDER BY s.branch, s.created_at, s.id"));
        return ReadAll(select, ReadSnapshot);
      });
}

Status Journal::BeginReplacement(std::string_view branch, std::string_view volume) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement update,
               connection.Prepare("UPDATE branches SET next_volume = ?2 WHERE id = ?1"));
    return update.Text(1, branch).Text(2, volume).Run();
  });
}

Status Journal::Replace(const Branch& branch, const Snapshot& had, bool keep) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY(WriteSnapshot(connection, had, keep ? "there" : "removing"));
    TRY_ASSIGN(Statement update,
               connection.Prepare("UPDATE branches SET volume = ?2, next_volume = NULL, "
                                  "generation = ?3, as_of = ?4 WHERE id = ?1"));
    update.Text(1, branch.id).Text(2, branch.volume).Text(3, branch.generation);
    return update.Int(4, branch.as_of).Run();
  });
}

Result<std::vector<Generation>> Journal::GenerationsOf(std::string_view source) {
  return sqlite::ReadAndWait(
      database_, [&](Connection& connection) -> Result<std::vector<Generation>> {
        TRY_ASSIGN(Statement select,
                   connection.Prepare(std::string(kSelectGeneration) + "ORDER BY as_of, id"));
        select.Text(1, source);
        return ReadAll(select, ReadGeneration);
      });
}

Status Journal::BeginSource(const AddedSource& source) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY(CheckNameIsFree(connection, source.name, ""));
    TRY_ASSIGN(Statement insert,
               connection.Prepare("INSERT INTO sources(name, state, kind, path, roles, password, "
                                  "created_at, created_by) "
                                  "VALUES(?1, 'making', ?2, ?3, ?4, ?5, ?6, ?7)"));
    insert.Text(1, source.name).Text(2, source.kind).Text(3, source.path).Text(4, source.roles);
    insert.Text(5, source.password).Int(6, source.created_at);
    return insert.Text(7, source.created_by).Run();
  });
}

Status Journal::CompleteSource(std::string_view name) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement update,
               connection.Prepare("UPDATE sources SET state = 'there' WHERE name = ?1"));
    return update.Text(1, name).Run();
  });
}

Result<std::vector<AddedSource>> Journal::Sources() {
  return sqlite::ReadAndWait(
      database_, [](Connection& connection) { return SelectSources(connection, "= 'there'"); });
}

Result<std::vector<AddedSource>> Journal::UnfinishedSources() {
  return sqlite::ReadAndWait(
      database_, [](Connection& connection) { return SelectSources(connection, "!= 'there'"); });
}

Result<std::vector<std::string>> Journal::BeginSourceRemoval(std::string_view name) {
  return sqlite::WriteAndWait(
      database_, [&](Connection& connection) -> Result<std::vector<std::string>> {
        for (const char* sql : {"UPDATE sources SET state = 'removing' WHERE name = ?1",
                                "UPDATE generations SET state = 'removing' WHERE source = ?1"}) {
          TRY_ASSIGN(Statement update, connection.Prepare(sql));
          TRY(update.Text(1, name).Run());
        }
        TRY_ASSIGN(Statement select,
                   connection.Prepare("SELECT id FROM generations WHERE source = ?1"));
        select.Text(1, name);
        return ReadAll(select, ReadId);
      });
}

Status Journal::ForgetSource(std::string_view name) {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement remove, connection.Prepare("DELETE FROM sources WHERE name = ?1"));
    return remove.Text(1, name).Run();
  });
}

Status Journal::ForgetUnfinishedSources() {
  return sqlite::WriteAndWait(database_, [&](Connection& connection) -> Status {
    TRY_ASSIGN(Statement remove,
               connection.Prepare("DELETE FROM sources WHERE state != 'there' "
                                  "AND name NOT IN (SELECT source FROM generations)"));
    return remove.Run();
  });
}

Result<std::vector<std::string>> Journal::Generations() {
  return sqlite::ReadAndWait(
      database_, [](Connection& connection) -> Result<std::vector<std::string>> {
        TRY_ASSIGN(Statement select,
                   connection.Prepare("SELECT id FROM generations WHERE state = 'there'"));
        return ReadAll(select, ReadId);
      });
}

Result<std::vector<std::string>> Journal::UnusedGenerations(const Generation& current, int keep) {
  return sqlite::ReadAndWait(
      database_, [&](Connection& connection) -> Result<std::vector<std::string>> {
        TRY_ASSIGN(Statement select,
                   connection.Prepare("SELECT id FROM generations WHERE state = 'there' "
                                      "AND id NOT IN (SELECT generation FROM branches "
                                      "UNION SELECT generation FROM spares "
                                      "UNION SELECT generation FROM snapshots) "
                                      "AND source = ?3 AND id != ?1 "
                                      "AND id NOT IN (SELECT id FROM generations "
                                      "WHERE state = 'there' AND source = ?3 "
                                      "ORDER BY as_of DESC LIMIT ?2)"));
        select.Text(1, current.id).Int(2, keep).Text(3, current.source);
        return ReadAll(select, ReadId);
      });
}

Result<std::vector<Branch>> Journal::Branches() {
  return sqlite::ReadAndWait(database_, [](Connection& connection) -> Result<std::vector<Branch>> {
    TRY_ASSIGN(Statement select,
               connection.Prepare(
                   "SELECT b.id, b.name, b.label, b.generation, b.parent, b.as_of, b.created_at, "
                   "b.created_by, b.last_activity, b.deleted_at, g.major, "
                   "g.max_prepared_transactions, b.protected, b.expires_at, b.parent_id, "
                   "b.volume, g.source FROM branches b "
                   "JOIN generations g ON g.id = b.generation "
                   "WHERE b.state = 'there' ORDER BY b.name"));
    return ReadAll(select, ReadBranch);
  });
}

// Snapshots first, then branches: they refer to branches and generations.
Result<std::vector<std::string>> Journal::Unfinished() {
  return sqlite::ReadAndWait(
      database_, [](Connection& connection) -> Result<std::vector<std::string>> {
        TRY_ASSIGN(
            Statement select,
            connection.Prepare(
                "SELECT id, 0 AS kind FROM snapshots WHERE state != 'there' UNION ALL "
                "SELECT next_volume, 0 FROM branches WHERE next_volume IS NOT NULL UNION ALL "
                "SELECT volume, 1 FROM branches WHERE state != 'there' UNION ALL "
                "SELECT volume, 1 FROM spares UNION ALL "
                "SELECT id, 2 FROM generations WHERE state != 'there' OR source IN "
                "(SELECT name FROM sources WHERE state != 'there') ORDER BY kind, 1"));
        return ReadAll(select, ReadId);
      });
}

}  // namespace prism::branching
