#include "branching/branches/volume_server.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "branching/instances/clean_clone.h"
#include "branching/instances/pool_work.h"

namespace prism::branching {

using runtime::Task;

namespace {

Error Gone(const std::string& volume) {
  return {Code::kUnavailable, "SERVER_GONE",
          fmt::format("the server of volume {} ended while it was being found", volume)};
}

}  // namespace

Task<Result<std::unique_ptr<Instance>>> StartServer(Workshop* workshop, VolumeToServe served,
                                                    InstanceSettings settings,
                                                    runtime::CancelSource* cancel) {
  Status mounted =
      co_await RunOnPool(workshop->pool, [&] { return workshop->storage.Mount(served.volume); });
  CO_TRY(std::move(mounted));
  CO_TRY_ASSIGN(const std::string path, workshop->storage.Path(served.volume));
  CO_TRY_ASSIGN(PostgresBinaries binaries, workshop->servers.ForMajor(served.major));
  settings.max_prepared_transactions = served.max_prepared_transactions;
  settings.title = served.volume;
  InstanceSpec spec{.volume = path,
                    .data_directory = path,
                    .run_directory = workshop->RunDirectoryOf(served.volume),
                    .binaries = std::move(binaries),
                    .settings = std::move(settings)};
  auto started = co_await workshop->runtime.Start(std::move(spec),
                                                  MonotonicNow() + workshop->start_timeout, cancel);
  // One of ours that we had lost sight of.
  if (!started && started.error().reason() == "INSTANCE_RUNNING") {
    started = co_await FindServer(workshop, served.volume);
    if (started && *started == nullptr) co_return std::unexpected(Gone(served.volume));
  }
  if (started) workshop->After("server-started");
  co_return started;
}

Task<Result<std::unique_ptr<Instance>>> FindServer(Workshop* workshop, std::string volume) {
  const std::string run = workshop->RunDirectoryOf(volume);
  auto found = co_await workshop->runtime.Find(run);
  CO_TRY_ASSIGN(const std::optional<InstanceIdentity> identity, std::move(found));
  if (!identity) co_return nullptr;
  co_return co_await workshop->runtime.Adopt(run, *identity);
}

Status CloneVolume(const Workshop& workshop, const std::string& from, const std::string& to,
                   const WhileStill& still, const TransferWatch& watch) {
  TRY(still ? workshop.storage.CloneStill(from, to, still, watch)
            : workshop.storage.Clone(from, to, watch));
  TRY_ASSIGN(const std::string parent, workshop.storage.Path(from));
  TRY_ASSIGN(const std::string volume, workshop.storage.Path(to));
  return CleanClone(volume, volume, parent);
}

Task<Status> EndServer(Workshop* workshop, std::string volume) {
  auto found = co_await FindServer(workshop, std::move(volume));
  CO_TRY_ASSIGN(const std::unique_ptr<Instance> instance, std::move(found));
  if (instance == nullptr) co_return Status();
  auto stopped = co_await instance->Stop({});
  CO_TRY(std::move(stopped));
  co_return Status();
}

Task<Status> RemoveVolume(Workshop* workshop, std::string volume) {
  Status ended = co_await EndServer(workshop, volume);
  CO_TRY(std::move(ended));
  auto removed = co_await RunOnPool(workshop->pool, [&]() -> Status {
    workshop->After("removal-stopped");
    TRY(workshop->storage.Delete(volume));
    workshop->After("removal-deleted");
    TRY(workshop->RemoveRunDirectory(volume));
    return workshop->journal.Forget(volume);
  });
  co_return removed;
}

}  // namespace prism::branching
