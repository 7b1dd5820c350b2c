#include "branching/containers/docker_runtime.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/os_error.h"
#include "base/strings.h"
#include "branching/containers/docker_instance.h"
#include "branching/instances/found_process.h"
#include "branching/instances/pool_work.h"
#include "branching/instances/process_tree.h"
#include "branching/instances/server_start.h"
#include "runtime/shard.h"
#include "runtime/wait.h"

namespace prism::branching {
namespace {

// Where the programs of PostgreSQL are and what the server calls itself, on a line each.
constexpr const char* kLookScript =
    "command -v flock >/dev/null || { echo 'no program flock'; exit 1; }; "
    "for p in \"$(command -v postgres)\" /usr/local/bin/postgres "
    "/usr/lib/postgresql/*/bin/postgres; "
    "do [ -x \"$p\" ] && { echo \"${p%/postgres}\"; exec \"$p\" --version; }; done; "
    "echo 'no program postgres'; exit 1";

Error Unsuitable(const std::string& image, std::string_view why) {
  return Error(Code::kFailedPrecondition, "IMAGE_UNSUITABLE",
               fmt::format("servers of branches can't run from the image {}: {}; name an image of "
                           "PostgreSQL that has a shell and flock, as postgres:15 and "
                           "postgres:15-alpine do",
                           image, base::Trim(why)))
      .With("image", image);
}

Error Elsewhere(pid_t pid) {
  return {Code::kFailedPrecondition, "DOCKER_ELSEWHERE",
          fmt::format("the container that Docker's engine started is not process {} of this "
                      "machine: run prism beside the engine and outside of containers, or use "
                      "the runtime 'process'",
                      pid)};
}

// The cgroup of a container's processes is named after it, wherever the engine puts it.
bool IsProcessOf(pid_t pid, const std::string& container_id) {
  std::ifstream file(fmt::format("/proc/{}/cgroup", pid));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return text.contains(container_id);
}

// The container's shell opens them as the server's user.
Status HandOver(const PreparedStart& prepared, const RunDirectory& directory, InstanceUser user) {
  for (const int fd : {prepared.lock.record.get(), prepared.log.get()}) {
    if (::fchown(fd, user.uid, user.gid) != 0) {
      return std::unexpected(
          base::OsError(errno, "INSTANCE_FILES", "giving away files in " + directory.path()));
    }
  }
  return {};
}

Status Record(const RunDirectory& directory, int record, pid_t pid) {
  const std::string number = std::to_string(pid);
  if (::pwrite(record, number.data(), number.size(), 0) == static_cast<ssize_t>(number.size())) {
    return {};
  }
  return std::unexpected(base::OsError(errno, "INSTANCE_FILES", "writing " + directory.lock()));
}

}  // namespace

struct DockerRuntime::Launched {
  InstanceIdentity identity;
  base::UniqueFd pidfd;
  Readiness readiness;
  std::uint64_t log_start = 0;
};

Result<std::unique_ptr<DockerRuntime>> DockerRuntime::Make(DockerOptions options, InstanceUser user,
                                                           runtime::BlockingPool* pool) {
  TRY(CheckInstanceUser(user));
  std::unique_ptr<DockerRuntime> made(new DockerRuntime(options, user, pool));
  TRY(made->LookAtEngine(options));
  TRY(made->RemoveLeftovers());
  TRY(made->LookIntoImage());
  return made;
}

Status DockerRuntime::LookAtEngine(const DockerOptions& options) {
  TRY(engine_.CheckHost());
  TRY_ASSIGN(ground_.image, engine_.FindImage(options.image));
  if (options.network == "none") return {};
  return engine_.CheckNetwork(options.network);
}

Status DockerRuntime::RemoveLeftovers() const {
  TRY_ASSIGN(const std::vector<std::string> containers,
             engine_.List(fmt::format("{}={}", kHomeLabel, ground_.home)));
  for (const std::string& container : containers) {
    TRY_ASSIGN(const std::optional<ContainerState> state, engine_.Inspect(container));
    if (state && !state->running) TRY(engine_.Remove(container));
  }
  return {};
}

Status DockerRuntime::LookIntoImage() {
  const std::string& image = ground_.image.name;
  auto asked = engine_.Run(
      ContainerName(ground_.home + "/look"),
      ToolContainer(ground_,
                    {.command = {"/bin/sh", "-c", kLookScript}, .directory = {}, .user = user_}));
  if (!asked && asked.error().reason() == "DOCKER_REFUSED") {
    return std::unexpected(Unsuitable(image, asked.error().message()));
  }
  TRY_ASSIGN(const DockerEngine::Output output, std::move(asked));
  const std::size_t line = output.text.find('\n');
  if (output.code != 0 || line == std::string::npos) {
    return std::unexpected(Unsuitable(image, output.text));
  }
  TRY_ASSIGN(server_, ParsePostgresVersion(std::string_view(output.text).substr(line + 1)));
  server_.bin_directory = output.text.substr(0, line);
  return {};
}

// All of a start that blocks: some hundred milliseconds.
Result<DockerRuntime::Launched> DockerRuntime::Launch(const InstanceSpec& spec) const {
  const RunDirectory directory(spec.run_directory);
  TRY_ASSIGN(PreparedStart prepared, PrepareStart(spec, directory, user_));
  const std::string container = ContainerName(spec.run_directory);
  Result<Launched> launched = LaunchPrepared(spec, std::move(prepared), directory, container);
  if (!launched) Discard(container);
  return launched;
}

// What can't be removed now has no server, and is removed before the next start.
void DockerRuntime::Discard(const std::string& container) const {
  const Status ignored = engine_.Remove(container);
  static_cast<void>(ignored);
}

Result<DockerRuntime::Launched> DockerRuntime::LaunchPrepared(const InstanceSpec& spec,
                                                              PreparedStart prepared,
                                                              const RunDirectory& directory,
                                                              const std::string& container) const {
  TRY(HandOver(prepared, directory, user_));
  // We hold the lock still: a container of that name has no server in it.
  TRY(engine_.Create(container, ServerContainer(ground_, spec, directory, user_)));
  prepared.lock.held.reset();
  TRY(engine_.Start(container));
  TRY_ASSIGN(const std::optional<ContainerState> state, engine_.Inspect(container));
  const auto ended = [&] {
    return std::unexpected(StartFailed(directory, prepared.log_start, "its container ended"));
  };
  if (!state || !state->running) return ended();
  base::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, state->pid, 0)));
  if (!pidfd || !IsProcessOf(state->pid, state->id)) {
    TRY_ASSIGN(const std::optional<ContainerState> now, engine_.Inspect(container));
    if (!now || !now->running) return ended();
    return std::unexpected(Elsewhere(state->pid));
  }
  TRY(Record(directory, prepared.lock.record.get(), state->pid));
  const InstanceIdentity identity{state->pid, ProcessStartTime(state->pid).value_or(0)};
  return Launched{identity, std::move(pidfd), std::move(prepared.readiness), prepared.log_start};
}

runtime::Task<Result<std::unique_ptr<Instance>>> DockerRuntime::Start(
    InstanceSpec spec, MonoNanos deadline, runtime::CancelSource* cancel) {
  const auto launch = [this, &spec] { return Launch(spec); };
  CO_TRY_ASSIGN(Launched launched, co_await RunOnPool(*pool_, launch));
  const RunDirectory directory(spec.run_directory);
  std::string container = ContainerName(spec.run_directory);
  auto process = std::make_unique<ProcessInstance>(
      directory, launched.identity, std::move(launched.pidfd), /*ours=*/false, pool_);
  auto ready = co_await AwaitReady(std::move(process), std::move(launched.readiness),
                                   launched.log_start, directory, pool_, deadline, cancel);
  if (!ready) {
    const auto discard = [this, &container] { Discard(container); };
    CO_TRY(co_await pool_->Run(discard));
    co_return std::unexpected(std::move(ready).error());
  }
  co_return std::make_unique<DockerInstance>(*std::move(ready), std::move(container), &engine_,
                                             pool_);
}

struct DockerRuntime::Sighting {
  std::optional<InstanceIdentity> identity;
  bool on_its_way = false;  // something runs that does not say yet what it is
};

// The lock says what runs, and its number who that is. A start that was not finished by whoever
// began it has no number yet, or no lock: of these the engine knows.
Result<DockerRuntime::Sighting> DockerRuntime::LookFor(const RunDirectory& directory) const {
  TRY_ASSIGN(const std::optional<pid_t> holder, directory.Holder());
  if (holder) {
    const std::optional<InstanceIdentity> identity = Identify(directory, *holder);
    if (identity) return Sighting{.identity = identity};
  }
  const std::string container = ContainerName(directory.path());
  TRY_ASSIGN(const std::optional<ContainerState> state, engine_.Inspect(container));
  if (state && state->running) {
    return Sighting{.identity = Identify(directory, state->pid), .on_its_way = true};
  }
  if (state) TRY(engine_.Remove(container));
  return Sighting{.identity = std::nullopt, .on_its_way = holder.has_value()};
}

runtime::Task<Result<std::optional<InstanceIdentity>>> DockerRuntime::Find(
    std::string run_directory) {
  const RunDirectory directory(std::move(run_directory));
  const MonoNanos deadline = MonotonicNow() + kIdentityPatience;
  do {
    const auto look = [this, &directory] { return LookFor(directory); };
    CO_TRY_ASSIGN(const Sighting sighting, co_await RunOnPool(*pool_, look));
    if (sighting.identity || !sighting.on_its_way) co_return sighting.identity;
    co_await runtime::SleepUntil(*runtime::Shard::Current(), MonotonicNow() + kIdentityInterval,
                                 nullptr);
  } while (MonotonicNow() < deadline);
  co_return std::unexpected(Unidentified(directory));
}

runtime::Task<Result<std::unique_ptr<Instance>>> DockerRuntime::Adopt(std::string run_directory,
                                                                      InstanceIdentity identity) {
  std::string container = ContainerName(run_directory);
  auto adopted = co_await AdoptProcess(RunDirectory(std::move(run_directory)), identity, pool_);
  CO_TRY_ASSIGN(std::unique_ptr<ProcessInstance> process, std::move(adopted));
  co_return std::make_unique<DockerInstance>(std::move(process), std::move(container), &engine_,
                                             pool_);
}

Result<ClusterControl> DockerRuntime::AskForControl(const std::string& data_directory,
                                                    const PostgresBinaries& binaries) const {
  struct stat owner{};
  if (::stat(data_directory.c_str(), &owner) != 0) {
    return std::unexpected(
        base::OsError(errno, "DATA_DIRECTORY_FILES", "looking at " + data_directory));
  }
  const ContainerTool tool{.command = {binaries.Program("pg_controldata"), "-D", data_directory},
                           .directory = data_directory,
                           .user = {.uid = owner.st_uid, .gid = owner.st_gid}};
  TRY_ASSIGN(const DockerEngine::Output output,
             engine_.Run(ContainerName(ground_.home + "/control" + data_directory),
                         ToolContainer(ground_, tool)));
  if (output.code != 0) return std::unexpected(ControlUnreadable(base::Trim(output.text)));
  return ParseClusterControl(output.text);
}

runtime::Task<Result<ClusterControl>> DockerRuntime::ReadControl(std::string data_directory,
                                                                 PostgresBinaries binaries) {
  const auto ask = [&] { return AskForControl(data_directory, binaries); };
  co_return co_await RunOnPool(*pool_, ask);
}

}  // namespace prism::branching
