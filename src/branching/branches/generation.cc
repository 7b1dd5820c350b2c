#include "branching/branches/generation.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/ids.h"
#include "base/strings.h"
#include "branching/branches/pool_work.h"
#include "branching/branches/role_reader.h"
#include "branching/branches/volume_server.h"
#include "branching/instances/clean_clone.h"
#include "branching/instances/data_directory.h"

namespace prism::branching {
namespace {

using runtime::Task;

// A template that was started since has another checkpoint.
std::string MarkOf(const std::string& source, const ClusterControl& control) {
  return fmt::format("{} system {} timeline {} checkpoint {}", source, control.system_identifier,
                     control.timeline, control.checkpoint_lsn);
}

Status CheckTemplate(const DataDirectory& directory) {
  if (directory.running != 0) {
    return std::unexpected(
        Error(Code::kFailedPrecondition, "SOURCE_RUNNING",
              fmt::format("process {} serves the data directory {}: a template must be stopped, or "
                          "copies of it would be torn",
                          directory.running, directory.path)));
  }
  if (directory.standby) {
    return std::unexpected(
        Error(Code::kFailedPrecondition, "SOURCE_IS_STANDBY",
              fmt::format("the data directory {} is that of a standby: promote it, or name the one "
                          "of its primary",
                          directory.path)));
  }
  return CheckLinks(directory, directory.path);
}

// A server may run it where we see no processes of it, in a container above all.
Status CheckStopped(const DataDirectory& directory, const ClusterControl& control) {
  if (control.state == ClusterState::kShutDown) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "SOURCE_NOT_STOPPED",
            fmt::format("the data directory {} is \"{}\": a template must have been stopped "
                        "cleanly; stop its server, or start and stop it once",
                        directory.path, control.state_text)));
}

Error Changed(const std::string& source) {
  return Error(Code::kAborted, "SOURCE_CHANGED",
               fmt::format("the data directory {} was used while it was being copied: stop its "
                           "server, and try again",
                           source));
}

class Preparation {
 public:
  Preparation(Workshop& workshop, std::string source, const std::atomic<bool>& stop)
      : workshop_(workshop), source_(std::move(source)), stop_(stop) {}

  Task<Result<Generation>> Run() {
    auto looked = co_await Look();
    CO_TRY_ASSIGN(const State state, std::move(looked));
    auto known = co_await FindKnown(state.mark);
    CO_TRY_ASSIGN(std::optional<Generation> usable, std::move(known));
    if (usable) co_return *std::move(usable);
    generation_ = {.id = "g-" + base::LowerCase(base::NewId()),
                   .source = state.mark,
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
  struct State {
    std::string mark;
    PostgresBinaries binaries;
    std::uint32_t max_prepared_transactions = 0;
  };

  // What the template is now.
  Task<Result<State>> Look() {
    auto read = co_await RunOnPool(workshop_.pool, [this] { return ReadDataDirectory(source_); });
    CO_TRY_ASSIGN(const DataDirectory directory, std::move(read));
    CO_TRY(CheckTemplate(directory));
    CO_TRY_ASSIGN(PostgresBinaries binaries, workshop_.servers.ForMajor(directory.major));
    auto controls = co_await ReadClusterControl(source_, binaries);
    CO_TRY_ASSIGN(const ClusterControl control, std::move(controls));
    CO_TRY(CheckStopped(directory, control));
    co_return State{
        .mark = MarkOf(source_, control),
        .binaries = std::move(binaries),
        .max_prepared_transactions = static_cast<std::uint32_t>(control.max_prepared_transactions)};
  }

  Task<Result<std::optional<Generation>>> FindKnown(std::string mark) {
    co_return co_await RunOnPool(
        workshop_.pool, [this, &mark]() -> Result<std::optional<Generation>> {
          TRY_ASSIGN(std::optional<Generation> known, workshop_.journal.FindGeneration(mark));
          if (!known) return std::nullopt;
          TRY_ASSIGN(const bool there, workshop_.HasVolume(known->id));
          if (!there) return std::nullopt;
          return known;
        });
  }

  Task<Result<Generation>> Make(State state) {
    workshop_.logger.Info("generation_begins",
                          {{"generation", generation_.id}, {"source", source_}});
    Status imported = co_await RunOnPool(workshop_.pool, [this] { return Import(); });
    CO_TRY(std::move(imported));
    auto looked = co_await Look();
    CO_TRY_ASSIGN(const State after, std::move(looked));
    if (after.mark != state.mark) co_return std::unexpected(Changed(source_));
    auto recovered = co_await Recover(std::move(state.binaries));
    CO_TRY_ASSIGN(const std::vector<StoredRole> roles, std::move(recovered));
    Status completed = co_await RunOnPool(workshop_.pool, [&]() -> Status {
      TRY(workshop_.storage.Freeze(generation_.id));
      workshop_.After("generation-frozen");
      return workshop_.journal.CompleteGeneration(generation_, roles);
    });
    CO_TRY(std::move(completed));
    workshop_.logger.Info("generation_ready", {{"generation", generation_.id}});
    co_return generation_;
  }

  Status Import() {
    TRY(workshop_.journal.BeginGeneration(generation_));
    workshop_.After("generation-begun");
    TRY(workshop_.storage.Import(source_, generation_.id,
                                 [this](const TransferProgress&) { return !stop_.load(); }));
    workshop_.After("generation-imported");
    TRY_ASSIGN(const std::string volume, workshop_.storage.Path(generation_.id));
    return CleanClone(volume, volume, source_);
  }

  // One start, so that branches have nothing to recover.
  Task<Result<std::vector<StoredRole>>> Recover(PostgresBinaries binaries) {
    CO_TRY_ASSIGN(const std::string volume, workshop_.storage.Path(generation_.id));
    InstanceSpec spec{.volume = volume,
                      .data_directory = volume,
                      .run_directory = workshop_.RunDirectoryOf(generation_.id),
                      .binaries = std::move(binaries),
                      .settings = {}};
    spec.settings.max_prepared_transactions = generation_.max_prepared_transactions;
    auto started = co_await workshop_.runtime.Start(
        std::move(spec), MonotonicNow() + workshop_.start_timeout, nullptr);
    CO_TRY_ASSIGN(const std::unique_ptr<Instance> instance, std::move(started));
    workshop_.After("generation-started");
    auto read = co_await RunOnPool(workshop_.pool, [&] {
      return ReadStoredRoles(instance->socket_path(), workshop_.superuser);
    });
    auto stopped = co_await instance->Stop({});
    CO_TRY_ASSIGN(const StopKind kind, std::move(stopped));
    CO_TRY_ASSIGN(std::vector<StoredRole> roles, std::move(read));
    if (kind == StopKind::kFast) co_return roles;
    co_return std::unexpected(
        Error(Code::kUnavailable, "GENERATION_NOT_CLEAN",
              "the server of the new generation did not stop cleanly: see its log"));
  }

  Workshop& workshop_;
  const std::string source_;
  const std::atomic<bool>& stop_;
  Generation generation_;
};

}  // namespace

Task<Result<Generation>> PrepareGeneration(Workshop* workshop, std::string source,
                                           const std::atomic<bool>* stop) {
  Preparation preparation(*workshop, std::move(source), *stop);
  co_return co_await preparation.Run();
}

}  // namespace prism::branching
