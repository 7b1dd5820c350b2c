// For tests: every branch is the same running server.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/clock.h"
#include "branching/proxy/branch_host.h"

namespace prism::branching::testing {

// Reads the roles once, at its construction. Thread rule: as BranchHost; the settings before use.
class RunningHost final : public BranchHost {
 public:
  // `conninfo`: of a superuser, for libpq. Ends the program when it can't connect.
  RunningHost(const std::string& conninfo, std::string socket_path);
  RunningHost(std::shared_ptr<const Roles> roles, std::string socket_path)
      : roles_(std::move(roles)), socket_path_(std::move(socket_path)) {}

  runtime::Task<Login> FindLogin(BranchName, std::optional<std::string>) override {
    co_return Login{.source = "source", .roles = roles_};
  }
  runtime::Task<Result<std::unique_ptr<Entrance>>> Enter(EntryRequest request,
                                                         runtime::CancelSource* cancel) override;

  // Each branch takes so long to make.
  void TakeLong(MonoNanos time) { delay_ = time; }
  // Clients that asked for a branch, those that are in, those that wait, and waits that ended
  // because nobody waited any more.
  int asked() const { return asked_.load(); }
  int inside() const { return inside_.load(); }
  int waiting() const { return waiting_.load(); }
  int left() const { return left_.load(); }
  // Who came last, as the proxy says.
  std::string last_peer() const {
    const std::scoped_lock lock(mutex_);
    return last_peer_;
  }

 private:
  class Visit;

  std::shared_ptr<const Roles> roles_;
  const std::string socket_path_;
  std::atomic<MonoNanos> delay_ = 0;
  std::atomic<int> asked_ = 0;
  std::atomic<int> inside_ = 0;
  std::atomic<int> waiting_ = 0;
  std::atomic<int> left_ = 0;
  mutable std::mutex mutex_;
  std::string last_peer_;
};

}  // namespace prism::branching::testing
