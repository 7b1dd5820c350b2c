#include "branching/instances/server_start.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/os_error.h"
#include "base/strings.h"
#include "branching/instances/data_directory.h"
#include "runtime/shard.h"
#include "runtime/wait.h"

namespace prism::branching {
namespace {

// A server whose start is given up has nothing to lose, and may not listen to signals yet.
constexpr StopPatience kKillAtOnce{.fast = 0, .immediate = 0};

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

Error OutOfMemory(const ProcessInstance& instance, const RunDirectory& directory) {
  return {Code::kResourceExhausted, "OUT_OF_MEMORY",
          fmt::format("the server did not start ({}): give servers more (branching.memory_limit); "
                      "its log is {}",
                      instance.end(), directory.log())};
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

}  // namespace

Status CheckInstanceUser(InstanceUser user) {
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
  return {};
}

Result<PreparedStart> PrepareStart(const InstanceSpec& spec, const RunDirectory& directory,
                                   InstanceUser user) {
  TRY(directory.Prepare(user));
  PreparedStart prepared;
  TRY_ASSIGN(prepared.lock, directory.Acquire());
  TRY_ASSIGN(const DataDirectory found, ReadDataDirectory(spec.data_directory));
  TRY(CheckDirectory(spec, found));
  TRY(RemoveStale(spec, directory));
  TRY_ASSIGN(prepared.log, directory.OpenLog());
  struct stat log_status{};
  if (::fstat(prepared.log.get(), &log_status) != 0) {
    return std::unexpected(base::OsError(errno, "INSTANCE_FILES", "opening " + directory.log()));
  }
  prepared.log_start = static_cast<std::uint64_t>(log_status.st_size);
  TRY_ASSIGN(prepared.readiness, Readiness::Prepare(directory, spec, user));
  return prepared;
}

std::vector<std::string> ServerCommand(const InstanceSpec& spec, const RunDirectory& directory,
                                       bool own_shared_memory) {
  std::error_code error;
  const bool own_config = std::filesystem::exists(spec.data_directory + "/postgresql.conf", error);
  const InstancePaths paths{
      .data_directory = spec.data_directory,
      .socket_directory = directory.socket_directory(),
      .hba_file = directory.server() + "/pg_hba.conf",
      .ident_file = directory.server() + "/pg_ident.conf",
      .config_file = own_config ? "" : directory.server() + "/postgresql.conf",
      .own_shared_memory = own_shared_memory,
  };
  std::vector<std::string> arguments = ServerArguments(spec.settings, paths, spec.binaries.major);
  arguments.insert(arguments.begin(), spec.binaries.Program("postgres"));
  return arguments;
}

std::string NotifyVariable(const InstanceSpec& spec, const RunDirectory& directory) {
  if (!spec.binaries.notifies) return {};
  return "NOTIFY_SOCKET=" + directory.notify_socket();
}

Error StartFailed(const RunDirectory& directory, std::uint64_t log_start, std::string_view how) {
  const std::string log = directory.LogTail(log_start);
  const auto failed = [&](Code code, std::string_view reason) {
    return Error(
               code, reason,
               fmt::format("the server did not start: {} ({}); its log is {}",
                           log.empty() ? "it said nothing" : LastWords(log), how, directory.log()))
        .With("log", log);
  };
  // What the system says to it, in the locale C.
  if (log.contains("No space left on device")) {
    return failed(Code::kResourceExhausted, "DISK_FULL");
  }
  if (log.contains("Cannot allocate memory")) {
    return failed(Code::kResourceExhausted, "OUT_OF_MEMORY");
  }
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
  return failed(Code::kFailedPrecondition, "INSTANCE_START_FAILED");
}

runtime::Task<Result<std::unique_ptr<ProcessInstance>>> AwaitReady(
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
  if (ended && instance->out_of_memory()) {
    co_return std::unexpected(OutOfMemory(*instance, directory));
  }
  if (ended) co_return std::unexpected(StartFailed(directory, log_start, instance->end()));
  co_return std::unexpected(StartGivenUp(result, *instance, directory.LogTail(log_start)));
}

}  // namespace prism::branching
