#include "branching/instances/launcher.h"

#include <sys/prctl.h>

#include <utility>

namespace prism::branching {

OwnLauncher::OwnLauncher(InstanceUser user, Isolation isolation, bool for_our_parent)
    : user_(user),
      isolation_(std::move(isolation)),
      for_our_parent_(for_our_parent),
      dumpable_(::prctl(PR_GET_DUMPABLE)) {}

Result<runtime::Spawned> OwnLauncher::Launch(const WalledProgram& program) const {
  const Sandbox sandbox(isolation_, user_, program.paths, program.records, program.shows_memory);
  return runtime::Spawn({.program = program.program,
                         .argv = program.argv,
                         .environment = program.environment,
                         .working_directory = "/",
                         .standard_fds = program.standard_fds,
                         .fourth_fd = program.fourth_fd,
                         .outlives_us = program.outlives_us,
                         .for_our_parent = for_our_parent_,
                         .namespaces = sandbox.namespaces(),
                         .setup = &sandbox,
                         .dumpable = dumpable_});
}

}  // namespace prism::branching
