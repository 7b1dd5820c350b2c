// What the proxy asks of whoever has the branches.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "branching/pgwire/branch_naming.h"
#include "branching/pgwire/startup_message.h"
#include "branching/proxy/roles.h"
#include "runtime/cancel.h"
#include "runtime/task.h"

namespace prism::branching {

// Somebody who has logged in and wants to be in a branch.
struct EntryRequest {
  BranchName branch;
  std::optional<std::string> from;               // what to make it of, when it is not there
  std::optional<std::chrono::milliseconds> ttl;  // of a new one
  std::string user;
  std::string peer;  // address of the client
  // The source whose roles the user has logged in by: only branches of it are entered. Empty: it
  // is an administrator, who has no role.
  std::string source = {};
};

// What a login is checked against.
struct Login {
  std::string source;
  std::shared_ptr<const Roles> roles;
};

// What had to be done for somebody who came in.
enum class EntryWay : std::uint8_t { kNew, kWoken, kRunning };
inline constexpr std::size_t kEntryWays = 3;

// A branch that takes connections, for as long as this is kept.
class Entrance {
 public:
  virtual ~Entrance() = default;
  // The unix socket of its server.
  virtual const std::string& socket_path() const = 0;
  // Settings that its sessions begin with: `SHOW prism.branch` and the like.
  virtual const std::vector<StartupParameter>& settings() const = 0;
  // What the client should know (NOTICE): that the branch is new, of what and as of when.
  virtual const std::vector<std::string>& notices() const = 0;
  virtual EntryWay way() const = 0;
  // Its server did not let the client in, since it found its data damaged (SQLSTATE XX001, XX002).
  virtual void NoteDamage() {}
};

// Thread rule: any shard; an entrance is let go on the shard that got it.
class BranchHost {
 public:
  virtual ~BranchHost() = default;
  // The roles that may be in the branch, or may make it of `from`, which need not be there.
  virtual runtime::Task<Login> FindLogin(BranchName branch, std::optional<std::string> from) = 0;
  // Completes when the branch takes connections: made or woken if need be. Who cancels leaves the
  // others waiting, and is told what it waited for. Errors are for the client to read (Refusal).
  virtual runtime::Task<Result<std::unique_ptr<Entrance>>> Enter(EntryRequest request,
                                                                 runtime::CancelSource* cancel) = 0;
};

}  // namespace prism::branching
