// Walls that the helper builds.
#pragma once

#include <memory>

#include "branching/instances/launcher.h"
#include "branching/privileged/helper_client.h"

namespace prism::branching {

class HelpedLauncher final : public Launcher {
 public:
  // `helper` outlives it; `user` is the helper's. Asks which walls it can build: errors of Ask.
  static Result<std::shared_ptr<const HelpedLauncher>> Make(const HelperClient& helper,
                                                            InstanceUser user);

  const Isolation& isolation() const override { return isolation_; }
  InstanceUser user() const override { return user_; }
  // Errors of HelperClient::Ask too.
  Result<runtime::Spawned> Launch(const WalledProgram& program) const override;

 private:
  HelpedLauncher(const HelperClient& helper, InstanceUser user, Isolation isolation)
      : helper_(helper), user_(user), isolation_(std::move(isolation)) {}

  const HelperClient& helper_;
  const InstanceUser user_;
  const Isolation isolation_;
};

}  // namespace prism::branching
