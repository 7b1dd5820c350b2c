#include "branching/instances/process_runtime.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "base/os_error.h"
#include "base/strings.h"
#include "branching/instances/data_directory.h"
#include "branching/instances/process_instance.h"
#include "branching/instances/readiness.h"
#include "branching/instances/run_directory.h"
#include "runtime/spawn.h"
#include "runtime/wait.h"

namespace prism::branching {
namespace {

// A server whose start is given up has nothing to lose, and may not listen to signals yet.
constexpr StopPatience kKillAtOnce{.fast = 0, .immediate = 0};
// How long the number of a process that was just started may be on its way into the lock.
constexpr MonoNanos kIdentityPatience = kNanosPerSecond;
constexpr MonoNanos kIdentityInterval = 5 * kNanosPerMilli;
// The descriptor by which each process of an instance holds the lock.
constexpr int kLockFd = 3;

struct Launched {
  runtime::Spawned spawned;
  InstanceIdentity identity;
  Readiness readiness;
  std::uint64_t log_start = 0;  // where this start's words begin
};

Error InUse(const DataDirectory& directory) {
  return Error(Code::kFailedPrecondition, "INSTANCE_RUNNING",
               fmt::format("{} is served by process {}; stop that server first", directory.path,
                           directory.running))
      .With("data_directory", directory.path);
}

// What an end without a clean stop leaves behind; the lock says that none of it is in use.
Status RemoveStale(const InstanceSpec& spec, const RunDirectory& directory) {
  for (const std::string& path : {spec.data_directory + "/postmaster.pid", directory.socket(),
                                  directory.socket() + ".lock"}) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return std::unexpected(base::OsError(errno, "INSTANCE_FILES", "removing " + path));
    }
  }
  return {};
}

Status CheckDirectory(const InstanceSpec& spec, const DataDirectory& found) {
  if (found.running != 0) return std::unexpected(InUse(found));
  TRY(CheckLinks(found, spec.volume));
  if (found.major == spec.binaries.major) return {};
  return std::unexpected(Error(
      Code::kFailedPrecondition, "POSTGRES_MAJOR_MISMATCH",
      fmt::format("{} is of PostgreSQL {} and can't be served by {} in {}; use a server of "
                  "its own version",
                  found.path, found.major, spec.binaries.version, spec.binaries.bin_directory)));
}

std::vector<std::string> Arguments(const InstanceSpec& spec, const RunDirectory& directory,
                                   const Isolation& isolation) {
  std::error_code error;
  const bool own_config = std::filesystem::exists(spec.data_directory + "/postgresql.conf", error);
  const InstancePaths paths{
      .data_directory = spec.data_directory,
      .socket_directory = directory.socket_directory(),
      .hba_file = directory.server() + "/pg_hba.conf",
      .ident_file = directory.server() + "/pg_ident.conf",
      .config_file = own_config ? "" : directory.server() + "/postgresql.conf",
      .own_shared_memory = isolation.files,
  };
  std::vector<std::string> arguments = ServerArguments(spec.settings, paths, spec.binaries.major);
  arguments.insert(arguments.begin(), spec.binaries.Program("postgres"));
  return arguments;
}

Sandbox MakeSandbox(const InstanceSpec& spec, const RunDirectory& directory,
                    const Isolation& isolation, InstanceUser user, int record) {
  // A server beside the system's has its libraries next to its programs.
  const std::string prefix =
      std::filesystem::path(spec.binaries.bin_directory).parent_path().string();
  return Sandbox(isolation, user,
                 {.writable = {spec.volume, directory.socket_directory()},
                  .read_only = {prefix, directory.server()}},
                 record);
}

// All of a start that blocks: some milliseconds.
Result<Launched> Launch(const InstanceSpec& spec, const Isolation& isolation, InstanceUser user,
                        int dumpable) {
  const RunDirectory directory(spec.run_directory);
  TRY(directory.Prepare(user));
  TRY_ASSIGN(const RunDirectory::Lock lock, directory.Acquire());
  TRY_ASSIGN(const DataDirectory found, ReadDataDirectory(spec.data_directory));
  TRY(CheckDirectory(spec, found));
  TRY(RemoveStale(spec, directory));
  TRY_ASSIGN(const base::UniqueFd log, directory.OpenLog());
  struct stat log_status{};
  if (::fstat(log.get(), &log_status) != 0) {
    return std::unexpected(base::OsError(errno, "INSTANCE_FILES", "opening " + directory.log()));
  }
  TRY_ASSIGN(Readiness readiness, Readiness::Prepare(directory, spec, user));

  std::vector<std::string> environment{"PATH=" + spec.binaries.bin_directory +
                                       ":/usr/local/bin:/usr/bin:/bin"};
  if (spec.binaries.notifies) {
    environment.push_back("NOTIFY_SOCKET=" + directory.notify_socket());
  }
  const base::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const Sandbox sandbox = MakeSandbox(spec, directory, isolation, user, lock.record.get());
  TRY_ASSIGN(runtime::Spawned spawned,
             runtime::Spawn({.program = spec.binaries.Program("postgres"),
                             .argv = Arguments(spec, directory, isolation),
                             .environment = std::move(environment),
                             .working_directory = "/",
                             .standard_fds = {null.get(), log.get(), log.get()},
                             .fourth_fd = lock.held.get(),
                             .outlives_us = true,
                             .namespaces = sandbox.namespaces(),
                             .setup = &sandbox,
                             .dumpable = dumpable}));
  // 0 when it has ended already, which its pidfd will tell.
  const InstanceIdentity identity{spawned.pid, ProcessStartTime(spawned.pid).value_or(0)};
  return Launched{std::move(spawned), identity, std::move(readiness),
                  static_cast<std::uint64_t>(log_status.st_size)};
}

// The last line of its log in which the server says why it ended, without time and process.
std::string_view LastWords(std::string_view log) {
  for (const std::string_view severity : {"PANIC:  ", "FATAL:  "}) {
    const std::size_t at = log.rfind(severity);
    if (at != std::string_view::npos) log = log.substr(at + severity.size());
  }
  return base::Trim(log.substr(0, log.find('\n')));
}

// The library in "could not access file "pg_cron": No such file or directory", which is what the
// server says of shared_preload_libraries.
std::string_view MissingLibrary(std::string_view log) {
  constexpr std::string_view kBefore = "could not access file \"";
  const std::size_t at = log.rfind(kBefore);
  if (at == std::string_view::npos) return {};
  log.remove_prefix(at + kBefore.size());
  return log.substr(0, log.find('"'));
}

Error StartFailed(const ProcessInstance& instance, const std::string& log) {
  const std::string_view library = MissingLibrary(log);
  if (!library.empty()) {
    return Error(Code::kFailedPrecondition, "PRELOAD_LIBRARY_MISSING",
                 fmt::format("the server's settings load the library '{}', which is not installed "
                             "here; install the extension, or take it out of "
                             "shared_preload_libraries of the source",
                             library))
        .With("library", std::string(library))
        .With("log", log);
  }
  return Error(Code::kFailedPrecondition, "INSTANCE_START_FAILED",
               fmt::format("the server did not start: {} ({}); its log is {}",
                           log.empty() ? "it said nothing" : LastWords(log), instance.end(),
                           instance.log_path()))
      .With("log", log);
}

Error StartGivenUp(runtime::WaitResult why, const ProcessInstance& instance,
                   const std::string& log) {
  if (why == runtime::WaitResult::kCancelled) {
    return Error(Code::kCancelled, "CANCELLED", "nobody waits for this start any more");
  }
  return Error(Code::kDeadlineExceeded, "INSTANCE_START_DEADLINE",
               fmt::format("the server was not ready in time, the last it said was: {}; give it "
                           "more time when it recovers, its log is {}",
                           log.empty() ? "nothing" : LastWords(log), instance.log_path()))
      .With("log", log);
}

runtime::Task<Result<std::unique_ptr<Instance>>> AwaitReady(
    std::unique_ptr<ProcessInstance> instance, Readiness prepared, std::uint64_t log_start,
    RunDirectory directory, runtime::BlockingPool* pool, MonoNanos deadline,
    runtime::CancelSource* cancel) {
  runtime::Event progress(*runtime::Shard::Current());
  ReadinessWatch readiness(std::move(prepared), &progress, pool);
  instance->AlsoSet(&progress);
  Status watched = instance->Watch();
  if (watched) watched = readiness.Watch();
  runtime::WaitResult result = runtime::WaitResult::kReady;
  if (watched) result = co_await progress.For(deadline, cancel);
  instance->AlsoSet(nullptr);
  if (watched && readiness.ready() && instance->running()) {
    CO_TRY(co_await instance->NoteSegments());
    co_return std::move(instance);
  }

  const bool ended = !instance->running();
  CO_TRY(co_await instance->Stop(kKillAtOnce));
  if (!watched) co_return std::unexpected(std::move(watched).error());
  const std::string log = directory.LogTail(log_start);
  if (ended) co_return std::unexpected(StartFailed(*instance, log));
  co_return std::unexpected(StartGivenUp(result, *instance, log));
}

// Nothing when the number says nothing (yet).
std::optional<InstanceIdentity> Identify(const RunDirectory& directory, pid_t pid) {
  const std::optional<std::uint64_t> start_time =
      pid > 0 ? ProcessStartTime(pid) : std::optional<std::uint64_t>();
  if (!start_time || !HasOpen(pid, kLockFd, directory.lock())) return std::nullopt;
  return InstanceIdentity{pid, *start_time};
}

Error Gone(InstanceIdentity identity) {
  return {Code::kNotFound, "INSTANCE_GONE",
          fmt::format("process {} is not the instance any more: it has ended; start it again",
                      identity.pid)};
}

}  // namespace

Result<std::unique_ptr<ProcessRuntime>> ProcessRuntime::Make(InstanceUser user,
                                                             runtime::BlockingPool* pool,
                                                             std::optional<Isolation> isolation) {
  if (user.uid == 0 || user.gid == 0) {
    return std::unexpected(
        Error(Code::kInvalidArgument, "INSTANCE_USER_ROOT",
              "PostgreSQL does not run as root; name an unprivileged user, such as postgres"));
  }
  if (::geteuid() != 0 && (user.uid != ::geteuid() || user.gid != ::getegid())) {
    return std::unexpected(
        Error(Code::kInvalidArgument, "INSTANCE_USER_OTHER",
              fmt::format("only root can run servers as user {}; run as that user, or leave it out",
                          user.uid)));
  }
  const int dumpable = ::prctl(PR_GET_DUMPABLE);
  if (!isolation) isolation = ProbeIsolation(user);
  return std::unique_ptr<ProcessRuntime>(
      new ProcessRuntime(user, *std::move(isolation), dumpable, pool));
}

runtime::Task<Result<std::unique_ptr<Instance>>> ProcessRuntime::Start(
    InstanceSpec spec, MonoNanos deadline, runtime::CancelSource* cancel) {
  RunDirectory directory(spec.run_directory);
  const auto launch = [this, &spec] { return Launch(spec, isolation_, user_, dumpable_); };
  CO_TRY_ASSIGN(Result<Launched> launched, co_await pool_->Run(launch));
  if (!launched) co_return std::unexpected(std::move(launched).error());
  auto instance = std::make_unique<ProcessInstance>(
      directory, launched->identity, std::move(launched->spawned.pidfd), /*ours=*/true, pool_);
  co_return co_await AwaitReady(std::move(instance), std::move(launched->readiness),
                                launched->log_start, directory, pool_, deadline, cancel);
}

runtime::Task<Result<std::optional<InstanceIdentity>>> ProcessRuntime::Find(
    std::string run_directory) {
  const RunDirectory directory(std::move(run_directory));
  const MonoNanos deadline = MonotonicNow() + kIdentityPatience;
  do {
    CO_TRY_ASSIGN(const std::optional<pid_t> holder, directory.Holder());
    if (!holder) co_return std::nullopt;
    const std::optional<InstanceIdentity> identity = Identify(directory, *holder);
    if (identity) co_return identity;
    co_await runtime::SleepUntil(*runtime::Shard::Current(), MonotonicNow() + kIdentityInterval,
                                 nullptr);
  } while (MonotonicNow() < deadline);
  co_return std::unexpected(
      Error(Code::kUnavailable, "INSTANCE_UNIDENTIFIED",
            fmt::format("processes of the instance in {} run without their postmaster; they end by "
                        "themselves, else end who has {} open",
                        directory.path(), directory.lock())));
}

runtime::Task<Result<std::unique_ptr<Instance>>> ProcessRuntime::Adopt(std::string run_directory,
                                                                       InstanceIdentity identity) {
  RunDirectory directory(std::move(run_directory));
  base::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, identity.pid, 0)));
  // Compared after it was opened, when the number can't pass to another process any more.
  if (!pidfd || Identify(directory, identity.pid) != identity) {
    co_return std::unexpected(Gone(identity));
  }
  auto instance = std::make_unique<ProcessInstance>(std::move(directory), identity,
                                                    std::move(pidfd), /*ours=*/false, pool_);
  CO_TRY(instance->Watch());
  CO_TRY(co_await instance->NoteSegments());
  // Whoever had it before may have been killed while it was paused.
  CO_TRY(co_await pool_->Run([pid = identity.pid] { ResumeProcesses(pid); }));
  co_return std::move(instance);
}

}  // namespace prism::branching
