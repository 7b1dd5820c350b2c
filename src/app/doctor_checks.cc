#include "app/doctor_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "app/branch_store.h"
#include "app/unprivileged.h"
#include "base/units.h"
#include "branching/containers/docker_engine.h"
#include "branching/instances/cgroup_home.h"
#include "branching/instances/process_runtime.h"
#include "branching/storage/btrfs_image.h"
#include "branching/storage/probe.h"

namespace prism::app {

namespace {

namespace fs = std::filesystem;
using branching::Finding;
using branching::Health;

// Below it PostgreSQL can't even write a piece of its log.
constexpr std::uint64_t kNoSpace = std::uint64_t{64} << 20;
constexpr std::uint64_t kLittleSpace = std::uint64_t{1} << 30;

Finding CheckSpace(const std::string& what, const std::string& directory) {
  Finding finding{.about = "space", .says = {}};
  std::error_code failed;
  const fs::space_info space = fs::space(directory, failed);
  if (failed) {
    finding.health = Health::kUnwell;
    finding.says = fmt::format("{}: {}", directory, failed.message());
    return finding;
  }
  finding.says = fmt::format("{} has {} of {} left: {}", what, base::HumanSize(space.available),
                             base::HumanSize(space.capacity), directory);
  if (space.available >= kLittleSpace) return finding;
  finding.health = space.available < kNoSpace ? Health::kUnwell : Health::kNote;
  finding.advice =
      "make room: delete branches (`prism branch delete --purge`) or snapshots, or what else is on "
      "that disk";
  return finding;
}

Finding CheckDriver(const BranchStore& store) {
  const auto driver = branching::MakeDriver(store.driver, nullptr);
  if (!driver) return Unwell("store", driver.error());
  const branching::StorageTraits& traits = (*driver)->traits();
  const bool best = traits.shares_blocks && !traits.shares_whole_files;
  return {.health = best ? Health::kFine : Health::kNote,
          .about = "store",
          .says = fmt::format("{}: {}; {}", store.path, traits.name, traits.cost),
          .advice = best ? ""
                         : "run `prism branch init` as root, or name a directory on btrfs or "
                           "XFS (branching.storage.path)"};
}

}  // namespace

Finding Unwell(std::string about, const Error& error) {
  return {.health = Health::kUnwell,
          .about = std::move(about),
          .says = fmt::format("{}: {}", error.reason(), error.message())};
}

Finding CheckPostgres(const Result<branching::PostgresServers>& servers) {
  if (!servers) return Unwell("postgres", servers.error());
  std::vector<std::string> found;
  for (const branching::PostgresBinaries& each : servers->all()) {
    found.push_back(fmt::format("{} in {}", each.version, each.bin_directory));
  }
  if (!found.empty()) {
    return {.about = "postgres", .says = fmt::format("{}", fmt::join(found, ", "))};
  }
  return {.health = Health::kUnwell,
          .about = "postgres",
          .says = "no server of PostgreSQL is installed",
          .advice =
              "install it (Debian: postgresql-15), or name its directory "
              "(branching.pg_bin_dirs)"};
}

Finding CheckDocker(const BranchingSettings& settings) {
  const branching::DockerEngine engine(settings.docker_socket);
  if (const Status host = engine.CheckHost(); !host) return Unwell("docker", host.error());
  const auto image = engine.FindImage(settings.image);
  if (!image) return Unwell("docker", image.error());
  if (settings.network != "none") {
    const Status network = engine.CheckNetwork(settings.network);
    if (!network) return Unwell("docker", network.error());
  }
  return {.about = "docker", .says = fmt::format("{} is {}", image->name, image->id)};
}

Finding CheckUser(const ServerSettings& settings, const branching::InstanceUser& user) {
  const passwd* found = ::getpwuid(user.uid);
  const std::string name = found != nullptr ? found->pw_name : fmt::to_string(user.uid);
  if (NeedsHelper(settings)) {
    return {.about = "user",
            .says = fmt::format("started as root Prism serves as {}, as servers do, and a helper "
                                "keeps what only root may do",
                                name)};
  }
  if (::geteuid() != 0) {
    return {.about = "user", .says = fmt::format("Prism and servers are {}, without root", name)};
  }
  return {.health = Health::kNote,
          .about = "user",
          .says = fmt::format("Prism stays root, and servers are {}", name),
          .advice = "leave out server.user"};
}

std::vector<Finding> CheckWalls(const branching::InstanceUser& user) {
  const auto runtime = branching::ProcessRuntime::Make(user, nullptr);
  if (!runtime) return {Unwell("walls", runtime.error())};
  std::vector<Finding> findings;
  for (const std::string& missing : (*runtime)->isolation().missing) {
    findings.push_back({.health = Health::kNote, .about = "walls", .says = missing});
  }
  if (findings.empty()) {
    findings.push_back(
        {.about = "walls", .says = "servers see their own files, processes and network alone"});
  }
  return findings;
}

std::vector<Finding> CheckLimits(const ServerSettings& settings,
                                 const branching::InstanceUser& user) {
  const branching::ServerLimits limits{.memory_bytes = settings.branching->memory_limit};
  const auto home = NeedsHelper(settings) ? branching::CgroupHome::OpenFor(user, limits)
                                          : branching::CgroupHome::Open(limits);
  std::vector<Finding> findings;
  for (const std::string& missing : home.missing()) {
    findings.push_back({.health = Health::kNote,
                        .about = "limits",
                        .says = "started from here Prism can't limit its servers: " + missing,
                        .advice = "start it as root, or have a cgroup delegated to it "
                                  "(deploy/systemd/branches.conf)"});
  }
  if (!findings.empty()) return findings;
  return {{.about = "limits",
           .says = fmt::format("each server may have {} of memory and {} processes",
                               base::HumanSize(limits.memory_bytes), limits.processes)}};
}

std::vector<Finding> CheckStoreDirectory(const BranchingSettings& settings,
                                         const branching::InstanceUser& user) {
  const auto store = FindBranchStore(settings.storage_path, {.uid = user.uid, .gid = user.gid});
  if (!store) return {Unwell("store", store.error())};
  if (store->path.empty()) {
    return {{.health = Health::kNote,
             .about = "store",
             .says = fmt::format("{} is not there yet", settings.storage_path),
             .advice = "the first start makes it, and so does `prism branch init`"}};
  }
  std::vector<Finding> findings{CheckDriver(*store)};
  if (store->image.empty()) {
    findings.push_back(CheckSpace("the store", store->path));
  } else {
    findings.push_back(CheckSpace("the file system in " + store->image, store->path));
    findings.push_back(
        CheckSpace("the disk below it", fs::path(store->image).parent_path().string()));
  }
  return findings;
}

}  // namespace prism::app
