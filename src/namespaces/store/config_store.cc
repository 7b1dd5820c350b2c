#include "namespaces/store/config_store.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "namespaces/config_json.h"
#include "namespaces/store/change_writer.h"
#include "namespaces/store/facts.h"
#include "namespaces/store/records.h"
#include "namespaces/store/schema.h"
#include "namespaces/store/store_state.h"
#include "sqlite/backup.h"

namespace prism::namespaces {

namespace {

constexpr std::string_view kAll = "ORDER BY id";

// Lists read all rows that a filter looks at: ten thousand namespaces fit. Taken as it is needed.
constexpr int kReaderCacheKib = 16'384;

sqlite::ExecutorOptions FewThreads() {
  return {.writer_threads = 1, .reader_threads = 1, .max_open_files = 2};
}

std::vector<sqlite::SchemaPart> Parts(const ConfigStoreOptions& options) {
  std::vector<sqlite::SchemaPart> parts = {kConfigStorePart};
  parts.insert(parts.end(), options.more_parts.begin(), options.more_parts.end());
  return parts;
}

// Of a backup, or nothing: what to do about a store that can't be used.
constexpr std::string_view kAdvice =
    "restore the newest good backup, or move the file away together with its .revision to begin "
    "anew from the configuration file";

Error Missing(const std::string& path, const HighWater& mark) {
  return {
      Code::kDataLoss, "CONFIG_STORE_MISSING",
      fmt::format("{} is gone, which had come to revision {}: {}", path, mark.revision, kAdvice)};
}

Error Behind(const std::string& path, Revision is, const HighWater& mark) {
  return {Code::kDataLoss, "CONFIG_STORE_BEHIND",
          fmt::format("{} is at revision {}, but had come to {}: it is an old copy, or its log is "
                      "damaged: {}",
                      path, is, mark.revision, kAdvice)};
}

Error Another(const std::string& path) {
  return {Code::kDataLoss, "CONFIG_STORE_BEHIND",
          fmt::format("{} is not the store that {}.revision speaks of: {}", path, path, kAdvice)};
}

Error ChainBehind(const std::string& path, const sqlite::ChainHead& is,
                  const sqlite::ChainHead& marked) {
  return {Code::kDataLoss, "CONFIG_STORE_BEHIND",
          fmt::format("the audit in {} ends with entry {}, but had come to {}: its newest entries "
                      "were taken away, or it is an old copy: {}",
                      path, is.id, marked.id, kAdvice)};
}

Status CheckBackendsOf(const Snapshot& snapshot) {
  for (const NamespaceConfig& ns : snapshot.namespaces) {
    for (const std::string& backend : BackendsOf(ns)) {
      if (snapshot.FindBackend(backend) != nullptr) continue;
      return std::unexpected(
          StoreDamaged(fmt::format("the backend \"{}\" of \"{}\" is missing", backend, ns.name)));
    }
  }
  return {};
}

// What people see of the features is what the settings say.
Status CheckFeatures(sqlite::Connection& connection,
                     const std::vector<Record<NamespaceConfig>>& records) {
  using Flag = std::tuple<std::int64_t, std::string, bool>;
  std::set<Flag> wanted;
  for (const auto& record : records) {
    for (const auto& [name, on] : record.config.features) wanted.insert({record.id, name, on});
  }
  TRY_ASSIGN(
      sqlite::Statement select,
      connection.Prepare("SELECT namespace_id, feature_name, enabled FROM namespace_features"));
  std::set<Flag> found;
  for (;;) {
    TRY_ASSIGN(const bool more, select.Step());
    if (!more) break;
    found.insert({select.IntAt(0), std::string(select.TextAt(1)), select.IntAt(2) != 0});
  }
  if (found == wanted) return {};
  return std::unexpected(StoreDamaged("the table namespace_features does not fit the namespaces"));
}

Result<StoredConfig> LoadFrom(sqlite::Connection& connection) {
  TRY_ASSIGN(const std::optional<StoreState> state, ReadState(connection));
  auto snapshot = std::make_shared<Snapshot>();
  TRY_ASSIGN(const std::vector<Row> backends, kBackendTable.Select(connection, kAll));
  for (const Row& row : backends) {
    TRY_ASSIGN(Record<BackendConfig> record, ToBackendRecord(row));
    snapshot->backends.push_back(std::move(record.config));
  }
  TRY_ASSIGN(const std::vector<Row> rows, kNamespaceTable.Select(connection, kAll));
  std::vector<Record<NamespaceConfig>> records;
  records.reserve(rows.size());
  for (const Row& row : rows) {
    TRY_ASSIGN(Record<NamespaceConfig> record, ToNamespaceRecord(row));
    records.push_back(std::move(record));
  }
  TRY(CheckFeatures(connection, records));
  std::vector<Edit<NamespaceFacts>> facts;
  facts.reserve(records.size());
  for (auto& record : records) {
    facts.push_back({.name = record.config.name, .to = FactsOf(record)});
    snapshot->namespaces.push_back(std::move(record.config));
  }
  snapshot->backends.SortByName();
  snapshot->namespaces.SortByName();
  TRY(CheckBackendsOf(*snapshot));
  return StoredConfig{.revision = state ? state->revision : 0,
                      .snapshot = std::move(snapshot),
                      .facts = std::make_shared<FactsTable>(FactsTable().With(facts))};
}

// The newest entry of each record up to a revision.
constexpr std::string_view kAsOf =
    "AS entry WHERE id = (SELECT max(id) FROM {0} WHERE {1} = entry.{1} AND revision <= ?1) "
    "ORDER BY id";

// A configuration as it was, with the ids that its records had.
struct Past {
  using Ids = std::map<std::string, std::int64_t, std::less<>>;

  Snapshot snapshot;
  Ids backend_ids;
  Ids namespace_ids;
};

Result<Past> ReadPast(sqlite::Connection& connection, Revision revision) {
  TRY_ASSIGN(const std::optional<StoreState> state, ReadState(connection));
  const Revision newest = state ? state->revision : 0;
  if (revision < 1 || revision > newest) {
    return std::unexpected(
        Error(Code::kOutOfRange, "REVISION_UNKNOWN",
              fmt::format("there is no revision {}: there are 1 to {}", revision, newest)));
  }
  const std::string argument = std::to_string(revision);
  Past past;
  TRY_ASSIGN(const auto backends,
             kBackendHistory.Select(connection, fmt::format(kAsOf, "backend_history", "backend_id"),
                                    {&argument, 1}));
  for (const HistoryEntry& entry : backends) {
    if (!entry.new_config) continue;
    TRY_ASSIGN(BackendConfig config, BackendFromJson(*entry.new_config));
    past.backend_ids[entry.name] = entry.object_id;
    past.snapshot.backends.push_back(std::move(config));
  }
  TRY_ASSIGN(
      const auto namespaces,
      kNamespaceHistory.Select(connection, fmt::format(kAsOf, "namespace_history", "namespace_id"),
                               {&argument, 1}));
  for (const HistoryEntry& entry : namespaces) {
    if (!entry.new_config) continue;
    TRY_ASSIGN(NamespaceConfig config, NamespaceFromJson(*entry.new_config));
    past.namespace_ids[entry.name] = entry.object_id;
    past.snapshot.namespaces.push_back(std::move(config));
  }
  past.snapshot.backends.SortByName();
  past.snapshot.namespaces.SortByName();
  return past;
}

std::optional<std::int64_t> IdIn(const Past::Ids& ids, std::string_view name) {
  const auto it = ids.find(name);
  return it == ids.end() ? std::nullopt : std::optional(it->second);
}

Result<Past::Ids> CurrentIds(sqlite::Connection& connection) {
  TRY_ASSIGN(const std::vector<Row> rows, kNamespaceTable.Select(connection, kAll));
  Past::Ids ids;
  for (const Row& row : rows) {
    TRY_ASSIGN(const Record<NamespaceConfig> record, ToNamespaceRecord(row));
    ids[record.config.name] = record.id;
  }
  return ids;
}

// A namespace that was deleted and made again is another one: it goes, and the old one comes back.
Status GiveBackIds(sqlite::Connection& connection, const Past& past, Change& change) {
  for (auto& edit : change.backends) edit.old_id = IdIn(past.backend_ids, edit.name);
  for (auto& edit : change.namespaces) edit.old_id = IdIn(past.namespace_ids, edit.name);
  TRY_ASSIGN(const Past::Ids ids, CurrentIds(connection));
  for (const auto& [name, id] : ids) {
    const auto then = IdIn(past.namespace_ids, name);
    if (!then || *then == id) continue;
    std::erase_if(change.namespaces, [&name](const auto& edit) { return edit.name == name; });
    change.namespaces.push_back({.name = name, .to = {}});
    change.namespaces.push_back(
        {.name = name, .to = *past.snapshot.FindNamespace(name), .old_id = then});
  }
  return {};
}

// Of the change that makes `current` what was, what is about one namespace and what it needs.
void KeepOnly(const std::string& ns, const Snapshot& current, const Past& past, Change& change) {
  std::erase_if(change.namespaces, [&ns](const auto& edit) { return edit.name != ns; });
  const NamespaceConfig* then = past.snapshot.FindNamespace(ns);
  const auto needs = then == nullptr ? std::vector<std::string>() : BackendsOf(*then);
  std::erase_if(change.backends, [&](const auto& edit) {
    return current.FindBackend(edit.name) != nullptr ||
           std::ranges::find(needs, edit.name) == needs.end();
  });
}

Result<Change> PlanFrom(sqlite::Connection& connection, Revision revision, const std::string* ns) {
  TRY_ASSIGN(const Past past, ReadPast(connection, revision));
  TRY_ASSIGN(const StoredConfig current, LoadFrom(connection));
  Change change = Difference(*current.snapshot, past.snapshot);
  TRY(GiveBackIds(connection, past, change));
  if (ns != nullptr) KeepOnly(*ns, *current.snapshot, past, change);
  return change;
}

// What an earlier version wrote is kept as it was: a file never goes back.
Status BackUpBeforeUpgrade(const ConfigStoreOptions& options, Clock& clock) {
  TRY_ASSIGN(const auto connection,
             sqlite::Connection::Open(
                 {.path = options.path, .access = sqlite::Access::kReader, .vfs = options.vfs}));
  TRY_ASSIGN(const bool upgrade, sqlite::NeedsMigration(*connection, Parts(options)));
  if (!upgrade) return {};
  const auto now = static_cast<std::time_t>(clock.Now() / 1000);
  return sqlite::BackupTo(*connection, fmt::format("{}.before-upgrade-{:%Y%m%dT%H%M%SZ}",
                                                   options.path, fmt::gmtime(now)));
}

}  // namespace

Result<std::unique_ptr<ConfigStore>> ConfigStore::Open(ConfigStoreOptions options, Clock& clock) {
  TRY_ASSIGN(HighWaterFile high_water, HighWaterFile::Open(options.path + ".revision"));
  TRY_ASSIGN(const std::optional<HighWater> mark, high_water.Read());
  TRY_ASSIGN(const bool exists, sqlite::FileExists(options.path, options.vfs));
  if (!exists && mark) return std::unexpected(Missing(options.path, *mark));
  if (exists) TRY(BackUpBeforeUpgrade(options, clock));
  std::unique_ptr<ConfigStore> store(new ConfigStore(options, std::move(high_water), clock));
  TRY(store->database_->Open());
  TRY(store->Check(mark));
  return store;
}

ConfigStore::ConfigStore(const ConfigStoreOptions& options, HighWaterFile high_water, Clock& clock)
    : path_(options.path),
      clock_(clock),
      chain_(options.chain),
      high_water_(std::move(high_water)),
      kind_(Parts(options), [this](sqlite::Connection& connection) { NoteHighWater(connection); }),
      executor_(FewThreads()),
      database_(executor_.Make({.path = options.path,
                                .reader_cache_kib = kReaderCacheKib,
                                .foreign_keys = true,
                                .vfs = options.vfs},
                               kind_, nullptr)) {}

ConfigStore::~ConfigStore() { database_->Close(); }

Status ConfigStore::Check(const std::optional<HighWater>& mark) {
  return sqlite::ReadAndWait(*database_, [&](sqlite::Connection& connection) -> Status {
    TRY(sqlite::CheckIntegrity(connection));
    TRY_ASSIGN(const std::optional<StoreState> state, ReadState(connection));
    if (state) TRY(CheckTables(connection));
    const HighWater now = state ? state->mark() : HighWater();
    if (mark && now.revision < mark->revision) {
      return std::unexpected(Behind(path_, now.revision, *mark));
    }
    if (mark && !mark->store_id.empty() && now.store_id != mark->store_id) {
      return std::unexpected(Another(path_));
    }
    if (mark && now.revision == mark->revision && now.history_hash != mark->history_hash) {
      return std::unexpected(StoreDamaged("its history is not the one that it had"));
    }
    if (mark) TRY(CheckChain(connection, *mark));
    if (mark && (mark->chain || !chain_)) return {};
    // It was put here without one, or by a version that knew less.
    TRY_ASSIGN(const std::optional<HighWater> next, MarkOf(connection));
    if (next) return high_water_.Write(*next);
    return {};
  });
}

Status ConfigStore::CheckChain(sqlite::Connection& connection, const HighWater& mark) const {
  if (!chain_ || !mark.chain) return {};
  TRY_ASSIGN(const sqlite::ChainHead then, chain_(connection, mark.chain->id));
  if (then == *mark.chain) return {};
  if (then.id < mark.chain->id) return std::unexpected(ChainBehind(path_, then, *mark.chain));
  return std::unexpected(StoreDamaged("its audit is not the one that it had"));
}

Result<std::optional<HighWater>> ConfigStore::MarkOf(sqlite::Connection& connection) const {
  TRY_ASSIGN(const std::optional<StoreState> state, ReadState(connection));
  HighWater mark = state ? state->mark() : HighWater();
  const std::optional<HighWater>& before = high_water_.newest();
  // What was taken away while the store was open stays remembered, whatever has come since. So does
  // a chain that only others know.
  const bool keep = before && before->chain && !(chain_ && CheckChain(connection, *before));
  if (keep) {
    mark.chain = before->chain;
  } else if (chain_) {
    TRY_ASSIGN(mark.chain, chain_(connection, std::numeric_limits<std::int64_t>::max()));
  }
  const bool nothing = !state && (!mark.chain || mark.chain->id == 0);
  if (nothing) return std::nullopt;
  return mark;
}

// The change is on disk already, so it is none the less acknowledged when this fails.
void ConfigStore::NoteHighWater(sqlite::Connection& connection) {
  const auto mark = MarkOf(connection);
  const bool marked = mark && (!*mark || high_water_.Write(**mark));
  if (!marked) ++unmarked_;
}

Result<std::optional<sqlite::ChainHead>> ConfigStore::MarkedChain() const {
  TRY_ASSIGN(const std::optional<HighWater> mark, high_water_.Read());
  return mark ? mark->chain : std::nullopt;
}

Result<StoredConfig> ConfigStore::Load() const { return sqlite::ReadAndWait(*database_, LoadFrom); }

Result<Committed> ConfigStore::Commit(const Change& change, const Author& author,
                                      const Also& also) {
  const std::int64_t now = clock_.Now() / 1000;
  return sqlite::WriteAndWait(*database_, [&](sqlite::Connection& connection) -> Result<Committed> {
    TRY_ASSIGN(const std::optional<StoreState> before, ReadState(connection));
    TRY_ASSIGN(Committed committed, ChangeWriter(connection, author, now).Apply(change));
    // What changes nothing has become no revision, and is told to nobody.
    const bool changed = committed.revision != (before ? before->revision : 0);
    if (also && changed) TRY(also(connection, committed.revision));
    return committed;
  });
}

Result<StoredConfig> ConfigStore::LoadAt(Revision revision) const {
  return sqlite::ReadAndWait(
      *database_, [revision](sqlite::Connection& connection) -> Result<StoredConfig> {
        TRY_ASSIGN(Past past, ReadPast(connection, revision));
        return StoredConfig{.revision = revision,
                            .snapshot = std::make_shared<Snapshot>(std::move(past.snapshot))};
      });
}

Result<Change> ConfigStore::PlanRollBack(Revision revision) const {
  return sqlite::ReadAndWait(*database_, [revision](sqlite::Connection& connection) {
    return PlanFrom(connection, revision, nullptr);
  });
}

Result<Change> ConfigStore::PlanRollBack(Revision revision, const std::string& ns) const {
  return sqlite::ReadAndWait(*database_, [&](sqlite::Connection& connection) {
    return PlanFrom(connection, revision, &ns);
  });
}

Result<std::vector<HistoryEntry>> ConfigStore::HistoryOf(const std::string& ns) const {
  return sqlite::ReadAndWait(*database_, [&ns](sqlite::Connection& connection) {
    return kNamespaceHistory.Select(connection, "WHERE name = ?1 ORDER BY id", {&ns, 1});
  });
}

Status ConfigStore::VerifyHistory() const {
  return sqlite::ReadAndWait(*database_, [](sqlite::Connection& connection) -> Status {
    TRY_ASSIGN(const std::optional<StoreState> state, ReadState(connection));
    const StoreState known = state ? *state : NewState();
    TRY(kNamespaceHistory.Verify(connection, known.namespace_head));
    TRY(kBackendHistory.Verify(connection, known.backend_head));
    return CheckTables(connection);
  });
}

}  // namespace prism::namespaces
