#include "app/unprivileged.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "app/branch_user.h"
#include "app/data_directory.h"
#include "app/privileges.h"
#include "base/os_error.h"
#include "branching/storage/probe.h"
#include "branching/storage/storage.h"

namespace prism::app {

namespace {

using branching::InstanceUser;

Result<std::string> NameOf(InstanceUser user) {
  const passwd* found = ::getpwuid(user.uid);
  if (found != nullptr) return std::string(found->pw_name);
  return std::unexpected(
      Error(Code::kNotFound, "USER_NOT_FOUND",
            fmt::format("there is no user {} on this machine: name one with --user", user.uid)));
}

// Before anything is made for somebody who can do nothing with it.
Status CheckSource(const namespaces::BranchSourceConfig& source) {
  struct stat status = {};
  const bool may_be_made = source.kind == namespaces::BranchSourceConfig::Kind::kManaged;
  if (may_be_made || ::stat(source.path.c_str(), &status) == 0) return {};
  return std::unexpected(base::OsError(
      errno, "BRANCH_SOURCE",
      fmt::format("looking at {}, the source of branches (branching.source)", source.path)));
}

// Who has been serving goes on; else who can read the source.
std::string LikelyUser(const ServerSettings& settings) {
  const BranchingSettings& branching = *settings.branching;
  if (!branching.user.empty()) return branching.user;
  for (const std::string& path :
       {branching.storage_path + "/volumes", settings.data_dir, branching.source.path}) {
    std::string name = OwnerOf(path);
    if (!name.empty()) return name;
  }
  return "";
}

}  // namespace

Result<InstanceUser> ChooseServingUser(const ServerSettings& settings) {
  const BranchingSettings& branching = *settings.branching;
  TRY_ASSIGN(const InstanceUser servers, ChooseBranchUser(LikelyUser(settings)));
  if (settings.user.empty()) return servers;
  TRY_ASSIGN(const InstanceUser user, ChooseBranchUser(settings.user));
  if (branching.user.empty() || user.uid == servers.uid) return user;
  return std::unexpected(Error(
      Code::kInvalidArgument, "BRANCH_USER_DIFFERS",
      fmt::format("Prism and the servers of branches are one user, and walls keep them apart: "
                  "leave out branching.user ({}) or server.user ({})",
                  branching.user, settings.user)));
}

namespace {

Result<BranchStore> PrepareStore(const BranchingSettings& settings, InstanceUser user) {
  const branching::VolumeOwner owner{.uid = user.uid, .gid = user.gid};
  struct stat status = {};
  // Root would follow it, wherever it leads.
  if (::lstat(settings.storage_path.c_str(), &status) == 0 && S_ISLNK(status.st_mode) &&
      status.st_uid != 0) {
    return std::unexpected(
        Error(Code::kFailedPrecondition, "BRANCH_DIRECTORY",
              fmt::format("{} is a link that is not root's: name the directory itself "
                          "(branching.storage.path)",
                          settings.storage_path)));
  }
  TRY_ASSIGN(BranchStore store,
             PrepareBranchStore(settings.storage_path, settings.storage_size, owner));
  TRY_ASSIGN(const auto driver, branching::MakeDriver(store.driver, nullptr));
  TRY_ASSIGN(store.path, branching::Storage::Prepare({.directory = store.path, .owner = owner},
                                                     driver->traits()));
  return store;
}

}  // namespace

bool NeedsHelper(const ServerSettings& settings) {
  return ::geteuid() == 0 && settings.user != "root" && settings.branching &&
         !settings.branching->docker;
}

Result<std::unique_ptr<Unprivileged>> GiveUpRoot(const ServerSettings& settings,
                                                 telemetry::Logger& log) {
  auto made = std::make_unique<Unprivileged>();
  TRY(CheckSource(settings.branching->source));
  TRY_ASSIGN(made->user, ChooseServingUser(settings));
  TRY_ASSIGN(const std::string name, NameOf(made->user));
  TRY(GiveDataDirectory(settings.data_dir, made->user, name));
  TRY_ASSIGN(made->store, PrepareStore(*settings.branching, made->user));
  // Before the helper, whose cgroup is that of what it starts.
  made->cgroups = branching::CgroupHome::OpenFor(
      made->user, {.memory_bytes = settings.branching->memory_limit});
  TRY_ASSIGN(made->helper,
             branching::HelperClient::Start(
                 {.user = made->user, .driver = made->store.driver, .store = made->store.path}));
  TRY(BecomeUser(name));
  TRY(CheckDataDirectory(settings.data_dir, name));
  log.Info("root is given up", {{"user", name}, {"uid", made->user.uid}});
  return made;
}

}  // namespace prism::app
