#include "app/config_keeper.h"

#include <fmt/format.h>

#include <utility>

#include "app/identity.h"
#include "gateway/admin/operation_store.h"
#include "gateway/admin/recorded_change.h"
#include "namespaces/store/facts.h"
#include "security/audit_log.h"
#include "sqlite/plain_database.h"

namespace prism::app {

namespace {

constexpr WallMillis kHour = 3'600'000;
constexpr WallMillis kDay = 24 * kHour;

}  // namespace

ConfigKeeper::ConfigKeeper(const ServerSettings& settings, Clock& clock, telemetry::Logger& log)
    : data_dir_(settings.data_dir),
      backup_directory_(settings.backup_dir, settings.backup_keep_days),
      clock_(clock),
      log_(log) {}

Status ConfigKeeper::Open() {
  TRY_ASSIGN(auto directory, sqlite::DataDirectory::Open(data_dir_, "config.lock"));
  directory_.emplace(std::move(directory));
  std::vector<sqlite::SchemaPart> parts = Identity::Parts();
  parts.push_back(gateway::OperationStore::Part());
  auto store = namespaces::ConfigStore::Open({.path = directory_->path() + "/config.db",
                                              .more_parts = std::move(parts),
                                              .chain = security::ReadAuditHeadAt},
                                             clock_);
  if (!store) return std::unexpected(WithBackup(std::move(store).error()));
  store_ = *std::move(store);
  auto loaded = store_->Load();
  if (!loaded) return std::unexpected(WithBackup(std::move(loaded).error()));
  current_ = *std::move(loaded);
  auto purges = sqlite::ReadAndWait(database(), namespaces::ListPurges);
  if (!purges) return std::unexpected(WithBackup(std::move(purges).error()));
  UsePurges(*std::move(purges));
  return {};
}

Error ConfigKeeper::WithBackup(Error error) const {
  if (error.code() != Code::kDataLoss) return error;
  const auto backup = backup_directory_.NewestGood();
  if (!backup) return error;
  return Error(
             error.code(), error.reason(),
             fmt::format("{}. The newest good backup is {} of revision {}: prism config restore "
                         "{} --data-dir {}",
                         error.message(), backup->path, backup->revision, backup->path, data_dir_))
      .With("backup", backup->path);
}

bool ConfigKeeper::IsUntouched() const {
  if (current_.revision > 1) return false;
  namespaces::Snapshot builtin;
  builtin.backends = namespaces::BuiltinBackends();
  builtin.namespaces = namespaces::BuiltinNamespaces();
  return current_.revision == 0 || Difference(*current_.snapshot, builtin).empty();
}

std::shared_ptr<const namespaces::Snapshot> ConfigKeeper::Choose(
    const namespaces::Snapshot& file) const {
  auto chosen = std::make_shared<namespaces::Snapshot>(file);
  const namespaces::Change difference = Difference(*current_.snapshot, file);
  const bool import = current_.revision == 0 || (file.declared && IsUntouched());
  chosen->revision = current_.revision + (import && !difference.empty() ? 1 : 0);
  if (import) return chosen;
  chosen->backends = current_.snapshot->backends;
  chosen->namespaces = current_.snapshot->namespaces;
  if (file.declared && !difference.empty()) {
    log_.Warn(
        "the configuration file differs from the store, which is served: `prism config diff FILE` "
        "shows how, `prism config import --replace FILE` makes the store follow it",
        {{"revision", current_.revision},
         {"backends", difference.backends.size()},
         {"namespaces", difference.namespaces.size()}});
  }
  return chosen;
}

Status ConfigKeeper::Keep(const std::shared_ptr<const namespaces::Snapshot>& chosen) {
  const namespaces::Change change = Difference(*current_.snapshot, *chosen);
  return Store(change, chosen, ImportAuthor(*chosen), ImportEntry(change, *chosen));
}

namespaces::Author ConfigKeeper::ImportAuthor(const namespaces::Snapshot& chosen) {
  return {"import", chosen.declared ? "configuration file" : "built-in defaults"};
}

namespaces::ConfigStore::Also ConfigKeeper::ImportEntry(const namespaces::Change& change,
                                                        const namespaces::Snapshot& chosen) const {
  const namespaces::Author author = ImportAuthor(chosen);
  security::AuditEntry entry{.principal = author.who,
                             .proof = {},
                             .token_id = {},
                             .peer = {},
                             .action = "import of the " + author.reason,
                             .object = "config",
                             .code = "OK",
                             .reason = {},
                             .before = {},
                             .after = gateway::SummaryOf(change),
                             .request_id = {}};
  return [this, entry = std::move(entry)](sqlite::Connection& connection,
                                          namespaces::Revision) -> Status {
    TRY(security::AppendAudit(connection, entry, clock_.Now()));
    return {};
  };
}

Status ConfigKeeper::Store(const namespaces::Change& change,
                           const std::shared_ptr<const namespaces::Snapshot>& next,
                           const namespaces::Author& author,
                           const namespaces::ConfigStore::Also& also) {
  if (change.empty()) return {};
  std::vector<namespaces::Purge> purges = purges_;
  TRY_ASSIGN(
      const namespaces::Committed made,
      store_->Commit(change, author,
                     [&](sqlite::Connection& connection, namespaces::Revision revision) -> Status {
                       if (also) TRY(also(connection, revision));
                       TRY_ASSIGN(purges, namespaces::ListPurges(connection));
                       return {};
                     }));
  current_ = {.revision = made.revision,
              .snapshot = next,
              .facts = std::make_shared<namespaces::FactsTable>(current_.facts->With(made.facts))};
  UsePurges(std::move(purges));
  log_.Info("configuration stored", {{"revision", made.revision},
                                     {"by", author.who},
                                     {"backends", change.backends.size()},
                                     {"namespaces", change.namespaces.size()}});
  return {};
}

Status ConfigKeeper::EndPurge(const namespaces::Purge& gone,
                              const std::function<Status(sqlite::Connection&)>& also) {
  TRY_ASSIGN(auto left,
             sqlite::WriteAndWait(
                 database(),
                 [&](sqlite::Connection& connection) -> Result<std::vector<namespaces::Purge>> {
                   TRY(namespaces::EndPurge(connection, gone));
                   TRY(also(connection));
                   return namespaces::ListPurges(connection);
                 }));
  UsePurges(std::move(left));
  ++purge_counters_.done;
  return {};
}

void ConfigKeeper::UsePurges(std::vector<namespaces::Purge> purges) {
  purges_ = std::move(purges);
  purge_counters_.pending = purges_.size();
}

void ConfigKeeper::BackUp(runtime::BlockingPool& pool) {
  if (store_ == nullptr || current_.revision == 0 || clock_.Now() < next_backup_.load()) return;
  if (backing_up_.exchange(true)) return;
  if (!pool.Submit([this] { MakeBackup(); })) backing_up_ = false;  // the next look tries again
}

Result<std::string> ConfigKeeper::BackUpNow() {
  if (backing_up_.exchange(true)) {
    return std::unexpected(Error(Code::kFailedPrecondition, "BACKUP_RUNNING",
                                 "a backup is being made: wait for its end"));
  }
  const WallMillis now = clock_.Now();
  auto made = backup_directory_.MakeNow(*store_, now);
  if (made) {
    backups_.last_success = now;
    log_.Info("configuration backed up", {{"file", *made}});
  } else {
    ++backups_.failures;
    log_.Failure("configuration not backed up", made.error());
  }
  backing_up_ = false;
  return made;
}

void ConfigKeeper::MakeBackup() {
  const WallMillis now = clock_.Now();
  const auto made = backup_directory_.MakeDaily(*store_, now);
  if (made) {
    backups_.last_success = now;
    next_backup_ = (now / kDay + 1) * kDay;
    if (*made) log_.Info("configuration backed up", {{"file", **made}});
  } else {
    ++backups_.failures;
    next_backup_ = now + kHour;
    log_.Failure("configuration not backed up", made.error());
  }
  backing_up_ = false;
}

}  // namespace prism::app
