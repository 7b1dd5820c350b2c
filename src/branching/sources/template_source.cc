#include "branching/sources/template_source.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "branching/instances/clean_clone.h"
#include "branching/instances/data_directory.h"
#include "branching/instances/pool_work.h"

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

}  // namespace

TemplateSource::TemplateSource(Workshop& workshop, std::string directory)
    : workshop_(workshop), directory_(std::move(directory)) {}

// Each checkpoint of a server that writes to it changes pg_control; whoever repairs what servers of
// it don't start with, its configuration.
std::optional<std::string> TemplateSource::Moment() const {
  struct stat found = {};
  if (::stat((directory_ + "/global/pg_control").c_str(), &found) != 0) return std::nullopt;
  std::string moment;
  for (const char* file : {"global/pg_control", "postgresql.conf", "postgresql.auto.conf"}) {
    found = {};  // of a file that is not there
    (void)::stat(fmt::format("{}/{}", directory_, file).c_str(), &found);
    moment += fmt::format("{} {}.{} ", found.st_ino, found.st_mtim.tv_sec, found.st_mtim.tv_nsec);
  }
  return moment;
}

Task<Result<SourceState>> TemplateSource::Look() {
  auto read = co_await RunOnPool(workshop_.pool, [this] { return ReadDataDirectory(directory_); });
  CO_TRY_ASSIGN(const DataDirectory directory, std::move(read));
  CO_TRY(CheckTemplate(directory));
  CO_TRY_ASSIGN(PostgresBinaries binaries, workshop_.servers.ForMajor(directory.major));
  auto controls = co_await workshop_.runtime.ReadControl(directory_, binaries);
  CO_TRY_ASSIGN(const ClusterControl control, std::move(controls));
  CO_TRY(CheckStopped(directory, control));
  co_return SourceState{
      .mark = MarkOf(directory_, control),
      .binaries = std::move(binaries),
      .max_prepared_transactions = static_cast<std::uint32_t>(control.max_prepared_transactions)};
}

Task<Status> TemplateSource::Fill(const SourceState& state, std::string volume,
                                  const std::atomic<bool>* stop) {
  Status imported = co_await RunOnPool(workshop_.pool, [&] { return Import(volume, *stop); });
  CO_TRY(std::move(imported));
  auto looked = co_await Look();
  CO_TRY_ASSIGN(const SourceState after, std::move(looked));
  if (after.mark == state.mark) co_return Status();
  co_return std::unexpected(Changed(directory_));
}

Status TemplateSource::Import(const std::string& volume, const std::atomic<bool>& stop) {
  const Status imported = workshop_.storage.Import(directory_, volume, copied_.Watch(stop));
  copied_.Clear();
  TRY(imported);
  TRY_ASSIGN(const std::string path, workshop_.storage.Path(volume));
  return CleanClone(path, path, directory_);
}

}  // namespace prism::branching
