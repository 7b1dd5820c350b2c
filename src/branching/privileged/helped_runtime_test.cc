// What every runtime promises, by a process that is not root and has a helper.
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "branching/instances/cgroup_home.h"
#include "branching/instances/process_runtime.h"
#include "branching/instances/testing/runtime_suite.h"
#include "branching/privileged/helped_launcher.h"
#include "branching/privileged/helper.h"
#include "branching/privileged/helper_client.h"

namespace prism::branching {
namespace {

// Of this process.
HelperClient* helper = nullptr;
CgroupHome cgroups;

testing::MakeRuntime ByTheHelper() {
  return [](InstanceUser user, runtime::BlockingPool* pool) -> Result<std::unique_ptr<Runtime>> {
    TRY_ASSIGN(auto launcher, HelpedLauncher::Make(*helper, user));
    if (!launcher->isolation().complete()) {
      return std::unexpected(Error(Code::kInternal, "WALLS", "the helper can't build all walls"));
    }
    if (!cgroups.missing().empty()) {
      return std::unexpected(Error(Code::kInternal, "CGROUPS", cgroups.missing()[0]));
    }
    return std::make_unique<ProcessRuntime>(std::move(launcher), pool, cgroups);
  };
}

INSTANTIATE_TEST_SUITE_P(Helper, RuntimeTest,
                         ::testing::Values(RuntimeKind{.name = "helped",
                                                       .make = ByTheHelper(),
                                                       .end_of_killed = "signal 9 (KILL)"}),
                         [](const auto& info) { return info.param.name; });

// As `prism serve` does it.
Result<std::unique_ptr<HelperClient>> GiveUpRoot() {
  const InstanceUser user = testing::TestUser();
  cgroups = CgroupHome::OpenFor(user, {.memory_bytes = std::uint64_t{1} << 30});
  TRY_ASSIGN(auto started, HelperClient::Start({.user = user, .driver = "copy", .store = "/tmp"}));
  if (::setgroups(0, nullptr) == 0 && ::setresgid(user.gid, user.gid, user.gid) == 0 &&
      ::setresuid(user.uid, user.uid, user.uid) == 0) {
    return started;
  }
  return std::unexpected(Error(Code::kPermissionDenied, "ROOT", "this test begins as root"));
}

}  // namespace
}  // namespace prism::branching

int main(int argc, char** argv) {
  if (const auto code = prism::branching::BeHelper(argc, argv)) return *code;
  ::testing::InitGoogleTest(&argc, argv);
  const auto started = prism::branching::GiveUpRoot();
  if (!started) {
    std::fputs(started.error().ToString().c_str(), stderr);
    return 1;
  }
  prism::branching::helper = started->get();
  return RUN_ALL_TESTS();
}
