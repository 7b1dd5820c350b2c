// What branches there are, on disk: whatever is killed at whatever moment, a restart knows what was
// about to be made or removed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "sqlite/connection.h"
#include "sqlite/database.h"
#include "sqlite/migrations.h"

namespace prism::branching {

// What the source of the configuration is called where branches are named.
inline constexpr std::string_view kSourceName = "source";

// A source that was added to that of the configuration.
struct AddedSource {
  std::string name;           // no branch has the same
  std::string kind = {};      // "template", "dump" or "managed"
  std::string path = {};      // absolute
  std::string roles = {};     // of a dump: a script of pg_dumpall; empty: none
  std::string password = {};  // of a dump: a reference; empty: none
  WallMillis created_at = 0;
  std::string created_by = {};
};

// A state of a source that branches start from: a frozen volume.
struct Generation {
  std::string id;      // of the volume, too
  std::string source;  // its name
  std::string mark;    // which state of it; see SourceState
  int major = 0;       // of PostgreSQL
  WallMillis as_of = 0;
  std::uint32_t max_prepared_transactions = 0;
  // What pg_control says; empty and 0: an older version of Prism made it.
  std::string checkpoint_lsn = {};
  int timeline = 0;
  std::string system_identifier = {};
};

// A row of pg_authid.
struct StoredRole {
  std::string name;
  std::optional<std::string> password;  // as PostgreSQL keeps it: never the password itself
  bool may_login = false;
  std::optional<std::int64_t> valid_until;  // seconds of Unix time
};

// Text of a database may be sorted otherwise by servers here than where its indexes were made.
struct CollationChange {
  std::string database;
  std::string recorded;     // the version of its collation there
  std::string actual;       // here; empty: there is none
  std::string source = {};  // as branches name it; of what was recorded
};

// A state of a branch that is kept: a frozen volume.
struct Snapshot {
  std::string id;      // of the volume, too
  std::string branch;  // the id of the branch that it is of
  std::string name;    // among those of its branch
  WallMillis created_at = 0;
  bool is_automatic = false;  // kept since other data were put in the branch
  // Of the branch as it was then.
  std::string generation;
  int major = 0;
  std::uint32_t max_prepared_transactions = 0;
  WallMillis as_of = 0;
  // What pg_control says: where its last checkpoint is, and whose data it is.
  std::string checkpoint_lsn = {};
  int timeline = 0;
  std::string system_identifier = {};
};

struct Branch {
  std::string id;  // for as long as it is there, whatever its name and its data
  std::string name;
  std::string label;       // the name as it was spelled first
  std::string generation;  // that it was made of
  int major = 0;           // of PostgreSQL, as its generation's
  std::uint32_t max_prepared_transactions = 0;
  std::string parent;    // what people call what it was made of
  WallMillis as_of = 0;  // of its parent
  WallMillis created_at = 0;
  std::string created_by;
  WallMillis last_activity = 0;
  std::optional<WallMillis> deleted_at;  // it can be had back until its undo period is over
  bool is_protected = false;             // nobody deletes it, nor puts other data in it
  std::optional<WallMillis> expires_at;  // from then on it is deleted when nobody is in it
  std::string parent_id = {};            // the id of the branch that is its parent; empty: none is
  std::string volume = {};               // its data, and the name of its run directory
  std::string source = {};               // the name of the source of its generation
};

// Complete ones, by name; none of a file of an older version of Prism. Blocks.
Result<std::vector<AddedSource>> ReadSources(sqlite::Connection& journal);

// Of the newest generations, by source and database; none of a file of an older version of Prism.
// Blocks.
Result<std::vector<CollationChange>> ReadRecordedCollationChanges(sqlite::Connection& journal);

// Each change is on disk when the call returns. Life cycle: as the database, which is of a
// sqlite::PlainKind with Part(). Thread rule: everything blocks and is thread-safe; not on a shard.
class Journal {
 public:
  explicit Journal(sqlite::Database& database) : database_(database) {}

  static sqlite::SchemaPart Part();

  // What makes mock logins: the same for ever, made by the first call.
  Result<std::string> LoginSecret();

  // A volume that is about to be made. Until Complete a restart removes it.
  Status BeginGeneration(const Generation& generation);
  // It is there, and so is what its server said. With what pg_control says.
  Status CompleteGeneration(const Generation& generation, const std::vector<StoredRole>& roles,
                            const std::vector<CollationChange>& collations);
  // The one that was made of the source in this state.
  Result<std::optional<Generation>> FindGeneration(std::string_view source, std::string_view mark);
  // Complete ones.
  Result<std::vector<std::string>> Generations();
  // Those of them that are of the source, by time.
  Result<std::vector<Generation>> GenerationsOf(std::string_view source);
  // Those of them that no branch and no spare was made of, but for `current` of the same source and
  // its newest `keep`.
  Result<std::vector<std::string>> UnusedGenerations(const Generation& current, int keep);
  Result<std::vector<StoredRole>> Roles(std::string_view generation);

  // Until Complete a restart removes it with its generations. ALREADY_EXISTS: BRANCH_NAME_TAKEN,
  // SOURCE_EXISTS.
  Status BeginSource(const AddedSource& source);
  Status CompleteSource(std::string_view name);
  // Complete ones, by name.
  Result<std::vector<AddedSource>> Sources();
  // From here on a restart removes it with its generations, which nobody may need. Their volumes.
  Result<std::vector<std::string>> BeginSourceRemoval(std::string_view name);
  // Those that were about to be made or removed, by name.
  Result<std::vector<AddedSource>> UnfinishedSources();
  // Its generations are gone; of the other one: all unfinished ones whose are.
  Status ForgetSource(std::string_view name);
  Status ForgetUnfinishedSources();

  // ALREADY_EXISTS/BRANCH_EXISTS.
  Status BeginBranch(const Branch& branch);
  Status CompleteBranch(std::string_view id);
  // What may be changed of a branch: name, label, protection, expiry. Its children name their
  // parent by the new name. ALREADY_EXISTS/BRANCH_EXISTS.
  Status Update(const Branch& branch);
  // A volume that is made before anybody has asked for it. A restart removes it.
  Status BeginSpare(std::string_view volume, std::string_view generation);
  // It is the branch from here on, whose id it is. ALREADY_EXISTS/BRANCH_EXISTS.
  Status ClaimSpare(const Branch& branch);
  Status NoteActivity(std::string_view id, WallMillis at);
  // All of them or none.
  Status MarkDeleted(const std::vector<std::string>& ids, WallMillis at);
  Status Undelete(std::string_view id);
  // From here on a restart removes what the volume is of: a generation, a snapshot, or a branch and
  // its snapshots.
  Status BeginRemoval(std::string_view volume);
  // The volume is gone, and so is the row that it was all of.
  Status Forget(std::string_view volume);

  Status BeginSnapshot(const Snapshot& snapshot);
  // With what pg_control says.
  Status CompleteSnapshot(const Snapshot& snapshot);
  // By branch and time.
  Result<std::vector<Snapshot>> Snapshots();

  // Other data for a branch are about to be made: a restart clears the volume away.
  Status BeginReplacement(std::string_view branch, std::string_view volume);
  // From here on `branch` has its new volume, generation and time. What it had is kept as that
  // snapshot, or is one that is about to be removed (`keep` false).
  Status Replace(const Branch& branch, const Snapshot& had, bool keep);

  // Complete ones and deleted ones, by name.
  Result<std::vector<Branch>> Branches();
  // Spares, and volumes that were about to be made or removed: what a start clears away first.
  Result<std::vector<std::string>> Unfinished();

 private:
  sqlite::Database& database_;
};

}  // namespace prism::branching
