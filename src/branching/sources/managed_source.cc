#include "branching/sources/managed_source.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/os_error.h"
#include "branching/branches/server_connection.h"
#include "branching/instances/clean_clone.h"
#include "branching/instances/pool_work.h"
#include "branching/instances/run_directory.h"
#include "branching/sources/managed_directory.h"
#include "branching/sources/new_cluster.h"
#include "branching/sources/printed_error.h"
#include "branching/sources/superuser.h"

namespace prism::branching {

namespace {

using runtime::Task;

// It serves for good, not for a while.
constexpr std::uint32_t kSharedBuffersMib = 128;
const std::atomic<bool> kNever = false;

// Which transactions have ended: the same again while nothing was written.
constexpr const char* kState =
    "SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()), "
    "(SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()), "
    "pg_catalog.txid_current_snapshot(), "
    "pg_catalog.current_setting('max_prepared_transactions')";

Error Unreadable(const std::string& name, std::string_view why) {
  return {Code::kUnavailable, "SOURCE_UNREADABLE",
          fmt::format("the server of the {} can't be asked: {}", name, why)};
}

Error BackupFailed(const std::string& name, const runtime::ProgramResult& ended) {
  return {Code::kFailedPrecondition, "BASE_BACKUP_FAILED",
          fmt::format("no base backup of the {} can be taken: {} ({})", name,
                      FirstPrintedError(ended.standard_error), ended.status.ToString())};
}

}  // namespace

ManagedSource::ManagedSource(runtime::Shard& home, Workshop& workshop,
                             const PostgresPrograms& programs, Options options)
    : home_(home),
      workshop_(workshop),
      programs_(programs),
      options_(std::move(options)),
      name_("managed " + options_.directory),
      started_(home) {}

Task<Result<SourceState>> ManagedSource::Look() {
  auto running = co_await SocketPath();
  CO_TRY_ASSIGN(const std::string socket_path, std::move(running));
  co_return co_await RunOnPool(workshop_.pool, [&] { return Ask(socket_path); });
}

Result<SourceState> ManagedSource::Ask(const std::string& socket_path) const {
  const ServerConnection connection = ConnectToServer(socket_path, workshop_.superuser);
  const ServerRows rows = AskServer(connection, kState);
  if (!rows) return std::unexpected(Unreadable(name_, PQerrorMessage(connection.get())));
  SourceState state{
      .mark = fmt::format("{} system {} timeline {} transactions {}", name_, *TextAt(rows, 0, 0),
                          *TextAt(rows, 0, 1), *TextAt(rows, 0, 2)),
      .binaries = binaries_};
  const std::string prepared = *TextAt(rows, 0, 3);
  std::from_chars(prepared.data(), prepared.data() + prepared.size(),
                  state.max_prepared_transactions);
  return state;
}

Task<Status> ManagedSource::Fill(const SourceState& state, std::string volume,
                                 const std::atomic<bool>* stop) {
  auto running = co_await SocketPath();
  CO_TRY_ASSIGN(const std::string socket_path, std::move(running));
  Status created =
      co_await RunOnPool(workshop_.pool, [&] { return workshop_.storage.Create(volume); });
  CO_TRY(std::move(created));
  CO_TRY_ASSIGN(const std::string path, workshop_.storage.Path(volume));
  const std::string socket = std::filesystem::path(socket_path).parent_path().string();
  const MonoNanos begun = MonotonicNow();
  CO_TRY_ASSIGN(const runtime::ProgramResult ended,
                co_await programs_.Run(
                    {.binaries = state.binaries,
                     .name = "pg_basebackup",
                     .arguments = {"--pgdata=" + path, "--checkpoint=fast", "--wal-method=stream",
                                   "--no-sync", "--no-password", "--host=" + socket,
                                   "--username=" + workshop_.superuser},
                     .writable = {path, socket}},
                    stop));
  last_copy_ = MonotonicNow() - begun;
  if (!ended.status.ok()) co_return std::unexpected(BackupFailed(name_, ended));
  co_return co_await RunOnPool(workshop_.pool,
                               [&] { return CleanClone(path, path, options_.directory); });
}

// The server goes on.
Task<void> ManagedSource::Close() {
  instance_.reset();
  co_return;
}

Task<Status> ManagedSource::End() {
  instance_.reset();
  const auto run = RunPath();
  if (!run) co_return Status();  // there is no directory that a server could be of
  auto found = co_await workshop_.runtime.Find(*run);
  CO_TRY_ASSIGN(const std::optional<InstanceIdentity> identity, std::move(found));
  if (!identity) co_return Status();
  auto adopted = co_await workshop_.runtime.Adopt(*run, *identity);
  CO_TRY_ASSIGN(const std::unique_ptr<Instance> instance, std::move(adopted));
  auto stopped = co_await instance->Stop({});
  CO_TRY(std::move(stopped));
  workshop_.logger.Info("managed_source_stopped", {{"directory", options_.directory}});
  co_return Status();
}

Task<Result<std::string>> ManagedSource::SocketPath() {
  while (starting_) co_await started_.For();
  if (instance_ != nullptr && instance_->running()) co_return instance_->socket_path();
  starting_ = true;
  started_.Reset();
  Status running = co_await Run();
  starting_ = false;
  started_.Set();
  CO_TRY(std::move(running));
  co_return instance_->socket_path();
}

Task<Status> ManagedSource::Run() {
  instance_.reset();
  auto missing =
      co_await RunOnPool(workshop_.pool, [this] { return IsToBeMade(options_.directory); });
  CO_TRY_ASSIGN(const bool to_be_made, std::move(missing));
  if (to_be_made) {
    Status made = co_await MakeDirectory();
    CO_TRY(std::move(made));
  }
  Status started = co_await StartOrAdopt();
  CO_TRY(std::move(started));
  co_return co_await RunOnPool(workshop_.pool, [this] { return GivePassword(); });
}

// The password is there before the cluster, so that none is without one for good.
Task<Status> ManagedSource::MakeDirectory() {
  const std::vector<PostgresBinaries>& all = workshop_.servers.all();
  const auto newest = std::ranges::max_element(all, {}, &PostgresBinaries::major);
  if (newest == all.end()) {
    co_return std::unexpected(Error(Code::kFailedPrecondition, "POSTGRES_NOT_FOUND",
                                    "no PostgreSQL was found here: install postgresql, or name "
                                    "the directory of its programs in pg_bin_dirs"));
  }
  auto kept = co_await RunOnPool(workshop_.pool, [this]() -> Result<std::string> {
    TRY(KeepPassword(PasswordFile()));
    return MakeWorkDirectory(options_.directory, options_.user);
  });
  CO_TRY_ASSIGN(const std::string work, std::move(kept));
  Status made = co_await MakeCluster(&programs_, *newest, work, workshop_.superuser,
                                     /*synchronise=*/true, &kNever);
  CO_TRY(std::move(made));
  Status named =
      co_await RunOnPool(workshop_.pool, [&] { return GiveName(work, options_.directory); });
  CO_TRY(std::move(named));
  workshop_.logger.Info("managed_source_made", {{"directory", options_.directory},
                                                {"superuser", workshop_.superuser},
                                                {"password_file", PasswordFile()}});
  co_return Status();
}

// Another directory is another server, which is not to be taken for this one. It is no volume's, so
// not where those of volumes are.
Result<std::string> ManagedSource::RunPath() const {
  struct stat found = {};
  if (::stat(options_.directory.c_str(), &found) != 0) {
    return std::unexpected(
        base::OsError(errno, "MANAGED_DIRECTORY", "looking at " + options_.directory));
  }
  return fmt::format("{}/source-{:x}-{:x}", options_.home, found.st_dev, found.st_ino);
}

Result<std::string> ManagedSource::LogPath() const {
  TRY_ASSIGN(const std::string run, RunPath());
  return RunDirectory(run).log();
}

Task<Status> ManagedSource::StartOrAdopt() {
  auto read = co_await RunOnPool(
      workshop_.pool, [this] { return ReadManagedDirectory(options_.directory, options_.user); });
  CO_TRY_ASSIGN(const DataDirectory directory, std::move(read));
  CO_TRY_ASSIGN(binaries_, workshop_.servers.ForMajor(directory.major));
  CO_TRY_ASSIGN(const std::string run, RunPath());
  auto found = co_await workshop_.runtime.Find(run);
  CO_TRY_ASSIGN(const std::optional<InstanceIdentity> identity, std::move(found));
  if (identity) {
    auto adopted = co_await workshop_.runtime.Adopt(run, *identity);
    CO_TRY_ASSIGN(instance_, std::move(adopted));
    co_return Status();
  }
  auto controls = co_await workshop_.runtime.ReadControl(options_.directory, binaries_);
  CO_TRY_ASSIGN(const ClusterControl control, std::move(controls));
  InstanceSpec spec{.volume = options_.directory,
                    .data_directory = options_.directory,
                    .run_directory = run,
                    .binaries = binaries_,
                    .settings = {.profile = InstanceProfile::kDurable,
                                 .shared_buffers_mib = kSharedBuffersMib,
                                 .title = "source"},
                    .shows_memory = true};
  spec.settings.max_prepared_transactions =
      static_cast<std::uint32_t>(control.max_prepared_transactions);
  auto started = co_await workshop_.runtime.Start(
      std::move(spec), MonotonicNow() + workshop_.start_timeout, nullptr);
  CO_TRY_ASSIGN(instance_, std::move(started));
  workshop_.logger.Info("managed_source_started", {{"directory", options_.directory}});
  co_return Status();
}

// Of a cluster that was made here, and once: it may be changed later.
Status ManagedSource::GivePassword() const {
  const std::string password = ReadPassword(PasswordFile());
  if (password.empty()) return {};
  TRY_ASSIGN(const bool has, HasPassword(instance_->socket_path(), workshop_.superuser));
  if (has) return {};
  return EnsureSuperuser(instance_->socket_path(), workshop_.superuser, workshop_.superuser,
                         password);
}

}  // namespace prism::branching
