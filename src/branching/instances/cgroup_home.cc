#include "branching/instances/cgroup_home.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <ranges>

#include "base/os_error.h"
#include "base/unique_fd.h"

namespace prism::branching {
namespace {

namespace fs = std::filesystem;

// Of ours, below that of this process; each user that one was made for has his own.
constexpr std::string_view kOurs = "/prism";
// With version 2: where this process goes, in ours.
constexpr std::string_view kGateway = "/gateway";
constexpr std::string_view kMembers = "/cgroup.procs";
constexpr std::string_view kControl = "/cgroup.subtree_control";
constexpr std::string_view kProbe = "/probe";

std::unexpected<Error> FileError(std::string_view what) {
  return std::unexpected(base::OsError(errno, "CGROUP_FILES", what));
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

Status WriteFile(const std::string& path, std::string_view text) {
  const base::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return FileError(fmt::format("writing \"{}\" to {}", text, path));
  }
  return {};
}

Status MakeDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return FileError("making " + path);
}

Status Give(const std::string& path, InstanceUser user) {
  if (::lchown(path.c_str(), user.uid, user.gid) == 0) return {};
  return FileError("giving away " + path);
}

// With version 2 a process that was started in a `gateway` has got all that is beside it: servers
// outlive it there, and a successor can be put into its place, which a limit below would forbid.
bool StartedInGateway(const CgroupController& controller) {
  return controller.version == 2 && controller.directory.ends_with(kGateway);
}

// With version 2: lets cgroups in `ours` be limited, with this process in one of them. Whoever
// moves a process needs the right to from the cgroup down that has both places, which is `ours`.
Status Delegate(const CgroupController& controller, const std::string& ours) {
  const std::string gateway = ours + std::string(kGateway);
  const std::string above = controller.directory;
  if (StartedInGateway(controller)) {
    return WriteFile(ours + std::string(kControl), "+" + controller.name);
  }
  TRY(MakeDirectory(gateway));
  TRY(WriteFile(gateway + std::string(kMembers), "0"));
  Status done = WriteFile(above + std::string(kControl), "+" + controller.name);
  if (done) done = WriteFile(ours + std::string(kControl), "+" + controller.name);
  if (done) return done;
  // As it was, unless another controller has found its place here.
  (void)WriteFile(above + std::string(kMembers), "0");
  (void)Cgroup({gateway}).Remove();
  return done;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (const auto part : text | std::views::split(separator)) {
    parts.emplace_back(part.begin(), part.end());
  }
  return parts;
}

bool HasName(std::string_view list, std::string_view name) {
  const auto names = Split(list, ',');
  return std::ranges::find(names, name) != names.end();
}

// Where a hierarchy is mounted, and which of its directories that shows.
struct Hierarchy {
  std::string_view root;
  std::string_view mount_point;
};

// The hierarchy of a controller of version 1, or, without one, that of version 2.
std::optional<Hierarchy> FindHierarchy(std::string_view mounts, std::string_view controller) {
  for (const std::string_view line : Split(mounts, '\n')) {
    const std::size_t dash = line.find(" - ");
    if (dash == line.npos) continue;
    const auto before = Split(line.substr(0, dash), ' ');
    const auto after = Split(line.substr(dash + 3), ' ');  // type, source, options
    if (before.size() < 5 || after.size() < 3) continue;
    const bool fits = controller.empty() ? after[0] == "cgroup2"
                                         : after[0] == "cgroup" && HasName(after[2], controller);
    if (fits) return Hierarchy{.root = before[3], .mount_point = before[4]};
  }
  return std::nullopt;
}

// The path of the process in it, as /proc/PID/cgroup has it: "4:memory:/a/b", "0::/a/b".
std::optional<std::string_view> FindMembership(std::string_view memberships,
                                               std::string_view controller) {
  for (const std::string_view line : Split(memberships, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string_view names = line.substr(first + 1, second - first - 1);
    if (names == controller || HasName(names, controller)) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<std::string> FindDirectory(std::string_view mounts, std::string_view memberships,
                                         std::string_view controller) {
  const auto hierarchy = FindHierarchy(mounts, controller);
  auto path = FindMembership(memberships, controller);
  if (!hierarchy || !path || path->contains("/..")) return std::nullopt;  // it is not shown to us
  if (hierarchy->root != "/") {
    if (!path->starts_with(hierarchy->root)) return std::nullopt;
    path->remove_prefix(hierarchy->root.size());
  }
  return std::string(hierarchy->mount_point) + std::string(*path == "/" ? "" : *path);
}

}  // namespace

std::vector<CgroupController> FindCgroupControllers(const std::vector<std::string>& names,
                                                    std::string_view mounts,
                                                    std::string_view memberships) {
  std::vector<CgroupController> found;
  for (const std::string& name : names) {
    auto own = FindDirectory(mounts, memberships, name);
    const int version = own ? 1 : 2;
    if (!own) own = FindDirectory(mounts, memberships, "");
    if (own) found.push_back({.name = name, .version = version, .directory = *std::move(own)});
  }
  return found;
}

CgroupHome CgroupHome::Open(const ServerLimits& limits, const std::string& proc) {
  return Find(std::nullopt, limits, proc);
}

CgroupHome CgroupHome::OpenFor(InstanceUser user, const ServerLimits& limits,
                               const std::string& proc) {
  return Find(user, limits, proc);
}

CgroupHome CgroupHome::Find(std::optional<InstanceUser> user, const ServerLimits& limits,
                            const std::string& proc) {
  const std::string memory = fmt::format("{}", limits.memory_bytes);
  // What is written out to disk would be no limit; machines without accounting of it lack the file.
  const std::vector<Setting> memory_settings[] = {
      {{"memory.limit_in_bytes", memory, true}, {"memory.memsw.limit_in_bytes", memory, false}},
      {{"memory.max", memory, true}, {"memory.swap.max", "0", false}}};
  const std::vector<Setting> process_settings = {
      {"pids.max", fmt::format("{}", limits.processes), true}};

  CgroupHome home;
  home.user_ = user;
  std::vector<std::string> names = {"pids"};
  if (limits.memory_bytes > 0) names.emplace_back("memory");
  const auto found =
      FindCgroupControllers(names, ReadAll(proc + "/mountinfo"), ReadAll(proc + "/cgroup"));
  for (const std::string& name : names) {
    const auto it = std::ranges::find(found, name, &CgroupController::name);
    if (it == found.end()) {
      home.missing_.push_back(name + ": this machine shows no cgroups of it");
      continue;
    }
    home.Add(*it, name == "pids" ? process_settings : memory_settings[it->version - 1]);
  }
  return home;
}

// By trying it out.
void CgroupHome::Add(const CgroupController& controller, std::vector<Setting> settings) {
  CgroupHome alone;
  const std::string whose = user_ ? fmt::format("-{}", user_->uid) : "";
  std::string ours = fmt::format("{}{}{}", controller.directory, kOurs, whose);
  if (StartedInGateway(controller)) ours = fs::path(controller.directory).parent_path().string();
  alone.places_.push_back({.directory = std::move(ours), .settings = std::move(settings)});
  Place& place = alone.places_.front();
  const auto tried = [&]() -> Status {
    TRY(Prepare(controller, place.directory));
    const Cgroup probe({fmt::format("{}{}-{}", place.directory, kProbe, ::getpid())});
    TRY(alone.Make(probe));
    (void)probe.Remove();
    return {};
  }();
  if (!tried) {
    missing_.push_back(fmt::format("{}: {}", controller.name, tried.error().message()));
    return;
  }
  const auto same = std::ranges::find(places_, place.directory, &Place::directory);
  if (same == places_.end()) {
    places_.push_back(std::move(place));
  } else {
    std::ranges::move(place.settings, std::back_inserter(same->settings));
  }
}

// What is made in it belongs to whoever makes it.
Status CgroupHome::Prepare(const CgroupController& controller, const std::string& ours) const {
  TRY(MakeDirectory(ours));
  if (controller.version == 2) TRY(Delegate(controller, ours));
  if (!user_) return {};
  TRY(Give(ours, *user_));
  if (controller.version == 2) TRY(Give(ours + std::string(kMembers), *user_));
  return {};
}

Cgroup CgroupHome::Of(const std::string& run_directory) const {
  struct stat status{};
  if (places_.empty() || ::stat(run_directory.c_str(), &status) != 0) return Cgroup();
  const std::string name = fmt::format("/{}-{:x}-{:x}", fs::path(run_directory).filename().string(),
                                       status.st_dev, status.st_ino);
  std::vector<std::string> directories;
  for (const Place& place : places_) directories.push_back(place.directory + name);
  return Cgroup(std::move(directories));
}

Status CgroupHome::Make(const Cgroup& cgroup) const {
  (void)cgroup.Remove();  // of the last server, whose processes may still be ending
  for (std::size_t i = 0; i < cgroup.directories().size(); ++i) {
    const std::string& directory = cgroup.directories()[i];
    TRY(MakeDirectory(directory));
    for (const Setting& setting : places_[i].settings) {
      const std::string path = directory + "/" + setting.file;
      if (!setting.must_be_there && ::access(path.c_str(), F_OK) != 0) continue;
      TRY(WriteFile(path, setting.value));
    }
  }
  return {};
}

}  // namespace prism::branching
