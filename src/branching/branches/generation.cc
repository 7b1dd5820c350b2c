#include "branching/branches/generation.h"

#include <memory>
#include <utility>

#include "base/ids.h"
#include "base/strings.h"
#include "branching/branches/collation_reader.h"
#include "branching/branches/role_reader.h"
#include "branching/branches/volume_server.h"
#include "branching/instances/pool_work.h"

namespace prism::branching {
namespace {

using runtime::Task;

// What the server of a generation says of it.
struct ServerSays {
  std::vector<StoredRole> roles;
  std::vector<CollationChange> collations;
};

class Preparation {
 public:
  Preparation(Workshop& workshop, std::string name, Source& source,
              std::set<std::string> distrusted, const std::atomic<bool>& stop)
      : workshop_(workshop),
        name_(std::move(name)),
        source_(source),
        distrusted_(std::move(distrusted)),
        stop_(stop) {}

  Task<Result<Generation>> Run() {
    auto looked = co_await source_.Look();
    CO_TRY_ASSIGN(const SourceState state, std::move(looked));
    auto known = co_await FindKnown(state.mark);
    CO_TRY_ASSIGN(std::optional<Generation> usable, std::move(known));
    if (usable) co_return *std::move(usable);
    generation_ = {.id = "g-" + base::LowerCase(base::NewId()),
                   .source = name_,
                   .mark = state.mark,
                   .major = state.binaries.major,
                   .as_of = workshop_.clock.Now(),
                   .max_prepared_transactions = state.max_prepared_transactions};
    auto made = co_await Make(state);
    if (!made) {
      const Status removed = co_await RemoveVolume(&workshop_, generation_.id);
      if (!removed) workshop_.logger.Failure("generation_not_removed", removed.error());
    }
    co_return made;
  }

 private:
  Task<Result<std::optional<Generation>>> FindKnown(std::string mark) {
    co_return co_await RunOnPool(workshop_.pool,
                                 [this, &mark]() -> Result<std::optional<Generation>> {
                                   TRY_ASSIGN(std::optional<Generation> known,
                                              workshop_.journal.FindGeneration(name_, mark));
                                   if (!known || distrusted_.contains(known->id))
                                     return std::nullopt;
                                   TRY_ASSIGN(const bool there, workshop_.HasVolume(known->id));
                                   if (!there) return std::nullopt;
                                   return known;
                                 });
  }

  Task<Result<Generation>> Make(SourceState state) {
    workshop_.logger.Info("generation_begins",
                          {{"generation", generation_.id}, {"source", source_.name()}});
    Status begun = co_await RunOnPool(
        workshop_.pool, [this] { return workshop_.journal.BeginGeneration(generation_); });
    CO_TRY(std::move(begun));
    workshop_.After("generation-begun");
    Status filled = co_await source_.Fill(state, generation_.id, &stop_);
    CO_TRY(std::move(filled));
    workshop_.After("generation-imported");
    auto recovered = co_await Recover(state);
    CO_TRY_ASSIGN(const ServerSays said, std::move(recovered));
    CO_TRY_ASSIGN(const std::string volume, workshop_.storage.Path(generation_.id));
    auto controls = co_await workshop_.runtime.ReadControl(volume, state.binaries);
    CO_TRY_ASSIGN(const ClusterControl control, std::move(controls));
    generation_.checkpoint_lsn = control.checkpoint_lsn;
    generation_.timeline = control.timeline;
    generation_.system_identifier = control.system_identifier;
    Status completed = co_await RunOnPool(workshop_.pool, [&]() -> Status {
      TRY(workshop_.storage.Freeze(generation_.id));
      workshop_.After("generation-frozen");
      return workshop_.journal.CompleteGeneration(generation_, said.roles, said.collations);
    });
    CO_TRY(std::move(completed));
    workshop_.logger.Info("generation_ready", {{"generation", generation_.id}});
    WarnOfCollations(said.collations);
    co_return generation_;
  }

  // One start, so that branches have nothing to recover.
  Task<Result<ServerSays>> Recover(SourceState state) {
    CO_TRY_ASSIGN(const std::string volume, workshop_.storage.Path(generation_.id));
    InstanceSpec spec{.volume = volume,
                      .data_directory = volume,
                      .run_directory = workshop_.RunDirectoryOf(generation_.id),
                      .binaries = state.binaries,
                      .settings = {}};
    spec.settings.max_prepared_transactions = generation_.max_prepared_transactions;
    auto started = co_await workshop_.runtime.Start(
        std::move(spec), MonotonicNow() + workshop_.start_timeout, nullptr);
    CO_TRY_ASSIGN(const std::unique_ptr<Instance> instance, std::move(started));
    workshop_.After("generation-started");
    auto read = co_await LoadAndRead(std::move(state), instance->socket_path());
    auto stopped = co_await instance->Stop({});
    CO_TRY_ASSIGN(const StopKind kind, std::move(stopped));
    CO_TRY_ASSIGN(ServerSays said, std::move(read));
    if (kind == StopKind::kFast) co_return said;
    co_return std::unexpected(
        Error(Code::kUnavailable, "GENERATION_NOT_CLEAN",
              "the server of the new generation did not stop cleanly: see its log"));
  }

  Task<Result<ServerSays>> LoadAndRead(SourceState state, std::string socket_path) {
    Status loaded = co_await source_.Load(state, socket_path, &stop_);
    CO_TRY(std::move(loaded));
    co_return co_await RunOnPool(workshop_.pool, [&] { return Read(socket_path); });
  }

  // What sorts otherwise is for people: nobody is kept out for it.
  Result<ServerSays> Read(const std::string& socket_path) {
    ServerSays said;
    TRY_ASSIGN(said.roles, ReadStoredRoles(socket_path, workshop_.superuser));
    auto collations = ReadCollationChanges(socket_path, workshop_.superuser);
    if (!collations) workshop_.logger.Failure("collations_not_read", collations.error());
    if (collations) said.collations = *std::move(collations);
    return said;
  }

  void WarnOfCollations(const std::vector<CollationChange>& changes) {
    if (changes.empty()) return;
    const CollationChange& first = changes.front();
    workshop_.logger.Warn("collation_version_differs", {{"source", name_},
                                                        {"databases", changes.size()},
                                                        {"database", first.database},
                                                        {"recorded", first.recorded},
                                                        {"actual", first.actual}});
  }

  Workshop& workshop_;
  const std::string name_;  // of the source, where branches are named
  Source& source_;
  const std::set<std::string> distrusted_;
  const std::atomic<bool>& stop_;
  Generation generation_;
};

}  // namespace

Task<Result<Generation>> PrepareGeneration(Workshop* workshop, std::string name, Source* source,
                                           std::set<std::string> distrusted,
                                           const std::atomic<bool>* stop) {
  Preparation preparation(*workshop, std::move(name), *source, std::move(distrusted), *stop);
  co_return co_await preparation.Run();
}

}  // namespace prism::branching
