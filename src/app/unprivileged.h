// From root to the user that serves branches.
#pragma once

#include <memory>
#include <optional>

#include "app/branch_store.h"
#include "app/settings.h"
#include "base/status.h"
#include "branching/instances/cgroup_home.h"
#include "branching/instances/sandbox.h"
#include "branching/privileged/helper_client.h"
#include "telemetry/log.h"

namespace prism::app {

// What a process that was root has prepared for itself.
struct Unprivileged {
  branching::InstanceUser user;  // who it is now
  BranchStore store;
  branching::CgroupHome cgroups;  // the user's
  std::unique_ptr<branching::HelperClient> helper;
};

// Root, and servers of branches are processes: nobody else could be their user.
bool NeedsHelper(const ServerSettings& settings);

// Whom GiveUpRoot would choose: `user` of the settings, else branching.user, else whom the store
// belongs to, else the data directory, else the source; else postgres or nobody.
// INVALID_ARGUMENT/BRANCH_USER_DIFFERS: servers run as the user that serves;
// NOT_FOUND/USER_NOT_FOUND.
Result<branching::InstanceUser> ChooseServingUser(const ServerSettings& settings);

// Makes the data directory, the store and the cgroup that servers have theirs in, gives them to the
// user, starts the helper and becomes the user, for good. Before data is opened; on the main
// thread. Cgroups that can't be made are no error (CgroupHome::missing). Errors:
//   FAILED_PRECONDITION/DATA_DIR_OWNER: root has been working in the data directory
//   FAILED_PRECONDITION/DATA_DIR_UNREACHABLE: for that user
//   NOT_FOUND/BRANCH_SOURCE
// and those of ChooseServingUser, PrepareBranchStore, Storage::Prepare, HelperClient::Start and
// BecomeUser.
Result<std::unique_ptr<Unprivileged>> GiveUpRoot(const ServerSettings& settings,
                                                 telemetry::Logger& log);

}  // namespace prism::app
