#include "branching/instances/testing/cluster.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "base/check.h"
#include "branching/instances/clean_clone.h"
#include "runtime/subprocess.h"

namespace prism::branching::testing {
namespace {

constexpr MonoNanos kPatience = 60 * kNanosPerSecond;
constexpr const char* kPrograms = "/usr/lib/postgresql/15/bin";

void Run(const std::vector<std::string>& argv) {
  const auto done = runtime::RunOnNewShard(
      [&] { return runtime::RunProgram({.argv = argv}, MonotonicNow() + kPatience, nullptr); });
  PRISM_CHECK(done && done->status.ok(), argv[0].c_str());
}

void CopyTree(const std::string& from, const std::string& to) { Run({"cp", "-a", from, to}); }

void Clean(const InstanceSpec& spec, const std::string& parent_volume) {
  const Status cleaned = CleanClone(spec.data_directory, spec.volume, parent_volume);
  PRISM_CHECK(cleaned.has_value(), "CleanClone failed");
}

}  // namespace

std::string ReadText(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();  // a file of a process that ends meanwhile just ends, too
  return text.str();
}

void AppendText(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

bool AnyProcessSays(const std::string& words) {
  std::error_code ignored;  // processes end while we look
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    if (ReadText(entry.path() / "cmdline").contains(words)) return true;
  }
  return false;
}

InstanceUser TestUser() {
  if (::geteuid() != 0) return {::geteuid(), ::getegid()};
  const passwd* user = ::getpwnam("nobody");
  PRISM_CHECK(user != nullptr, "no user nobody");
  return {user->pw_uid, user->pw_gid};
}

std::string Query(const Instance& instance, const std::string& sql) {
  return Query(instance.socket_path(), sql);
}

std::string Query(const std::string& socket_path, const std::string& sql) {
  const std::string directory = std::filesystem::path(socket_path).parent_path();
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
      PQconnectdb(fmt::format("host={} user=postgres dbname=postgres", directory).c_str()),
      &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) return PQerrorMessage(connection.get());
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()),
                                                             &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    return PQresultErrorMessage(result.get());
  }
  std::string text;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    if (row > 0) text += "\n";
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      if (column > 0) text += "|";
      text += PQgetvalue(result.get(), row, column);
    }
  }
  return text;
}

MakeRuntime Processes(bool walls) {
  return [walls](InstanceUser user,
                 runtime::BlockingPool* pool) -> Result<std::unique_ptr<Runtime>> {
    return walls ? ProcessRuntime::Make(user, pool) : ProcessRuntime::Make(user, pool, Isolation{});
  };
}

MakeRuntime Limited(const ServerLimits& limits) {
  return
      [limits](InstanceUser user, runtime::BlockingPool* pool) -> Result<std::unique_ptr<Runtime>> {
        CgroupHome cgroups = CgroupHome::Open(limits);
        PRISM_CHECK(cgroups.missing().empty(), "no cgroups");
        return ProcessRuntime::Make(user, pool, std::nullopt, std::move(cgroups));
      };
}

InstanceHost::InstanceHost(const MakeRuntime& make) {
  PRISM_CHECK(shard_.Start().has_value(), "no shard");
  auto made = make(TestUser(), &pool_);
  PRISM_CHECK(made.has_value(), made ? "" : made.error().ToString().c_str());
  runtime_ = *std::move(made);
}

InstanceHost::~InstanceHost() {
  pool_.Stop();
  shard_.Stop();
  shard_.Join();
}

Result<std::unique_ptr<Instance>> InstanceHost::Start(const InstanceSpec& spec) {
  return StartUntil(spec, MonotonicNow() + kPatience);
}

Result<std::unique_ptr<Instance>> InstanceHost::StartUntil(const InstanceSpec& spec,
                                                           MonoNanos deadline,
                                                           runtime::CancelSource* cancel) {
  return Run([&] { return runtime_->Start(spec, deadline, cancel); });
}

Result<std::optional<InstanceIdentity>> InstanceHost::Find(const std::string& run_directory) {
  return Run([&] { return runtime_->Find(run_directory); });
}

Result<std::unique_ptr<Instance>> InstanceHost::Adopt(const std::string& run_directory,
                                                      InstanceIdentity identity) {
  return Run([&] { return runtime_->Adopt(run_directory, identity); });
}

Result<StopKind> InstanceHost::Stop(std::unique_ptr<Instance> instance, StopPatience patience) {
  auto stopped = Run([&] { return instance->Stop(patience); });
  Leave(std::move(instance));
  return stopped;
}

void InstanceHost::Leave(std::unique_ptr<Instance> instance) {
  const auto destroy = [](std::unique_ptr<Instance>* held) -> runtime::Task<void> {
    held->reset();
    co_return;
  };
  Run([&] { return destroy(&instance); });
}

// Servers of another user pass through it.
Copies::Copies() { ::chmod(directory_.path().c_str(), 0711); }

std::string Copies::MakeCluster() {
  const InstanceUser user = TestUser();
  const std::string volume = directory_.File("cluster");
  std::filesystem::create_directories(volume);
  PRISM_CHECK(::chown(volume.c_str(), user.uid, user.gid) == 0, "chown");
  const std::string data = volume + "/data";
  std::vector<std::string> argv;
  if (::geteuid() == 0) {
    argv = {"setpriv", fmt::format("--reuid={}", user.uid), fmt::format("--regid={}", user.gid),
            "--clear-groups"};
  }
  for (const std::string& word : {std::string(kPrograms) + "/initdb", std::string("--pgdata"), data,
                                  std::string("--username=postgres"), std::string("--no-sync"),
                                  std::string("--locale=C"), std::string("--encoding=UTF8")}) {
    argv.push_back(word);
  }
  Run(argv);
  return data;
}

InstanceSpec Copies::Describe(const std::string& name) const {
  const std::string home = directory_.File(name);
  InstanceSpec spec;
  spec.volume = home + "/volume";
  spec.data_directory = spec.volume + "/data";
  spec.run_directory = home + "/run";
  spec.binaries = {.major = 15, .version = "15", .bin_directory = kPrograms, .notifies = true};
  spec.settings.title = name;
  return spec;
}

InstanceSpec Copies::Clone(const std::string& data_directory, const std::string& name) {
  InstanceSpec spec = Describe(name);
  const InstanceUser user = TestUser();
  std::filesystem::create_directories(spec.volume);
  PRISM_CHECK(::chown(spec.volume.c_str(), user.uid, user.gid) == 0, "chown");
  CopyTree(data_directory, spec.data_directory);
  Clean(spec, std::filesystem::path(data_directory).parent_path());
  return spec;
}

InstanceSpec Copies::CloneVolume(const InstanceSpec& original, const std::string& name) {
  InstanceSpec spec = Describe(name);
  std::filesystem::create_directories(directory_.File(name));
  CopyTree(original.volume, spec.volume);
  Clean(spec, original.volume);
  return spec;
}

}  // namespace prism::branching::testing
