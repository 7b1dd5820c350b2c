// For tests: a template cluster, copies of it, and servers of copies on a shard.
#pragma once

#include <libpq-fe.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/testing/temp_directory.h"
#include "branching/instances/process_runtime.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "runtime/sync_wait.h"

namespace prism::branching::testing {

// The text of a file, empty when there is none; and what a test adds to one.
std::string ReadText(const std::string& path);
void AppendText(const std::string& path, std::string_view text);

// True when a process of this machine has these words in its command line.
bool AnyProcessSays(const std::string& words);

// Who tests run servers as: `nobody` when they are root, as PostgresServer does.
InstanceUser TestUser();

// "ERROR: ..." of the server, or the rows as "a|b\nc|d".
std::string Query(const Instance& instance, const std::string& sql);
std::string Query(const std::string& socket_path, const std::string& sql);

using MakeRuntime =
    std::function<Result<std::unique_ptr<Runtime>>(InstanceUser user, runtime::BlockingPool* pool)>;
// Processes with all the walls that there can be, or with none.
MakeRuntime Processes(bool walls = true);
// With all walls, in cgroups.
MakeRuntime Limited(const ServerLimits& limits);

// A runtime with its threads. Instances must have gone before it.
class InstanceHost {
 public:
  explicit InstanceHost(const MakeRuntime& make = Processes());
  InstanceHost(const InstanceHost&) = delete;
  InstanceHost& operator=(const InstanceHost&) = delete;
  ~InstanceHost();

  Runtime& runtime() { return *runtime_; }
  Result<std::unique_ptr<Instance>> Start(const InstanceSpec& spec);
  Result<std::unique_ptr<Instance>> StartUntil(const InstanceSpec& spec, MonoNanos deadline,
                                               runtime::CancelSource* cancel = nullptr);
  Result<std::optional<InstanceIdentity>> Find(const std::string& run_directory);
  Result<std::unique_ptr<Instance>> Adopt(const std::string& run_directory,
                                          InstanceIdentity identity);
  // Ends and destroys it.
  Result<StopKind> Stop(std::unique_ptr<Instance> instance, StopPatience patience = {});
  // Destroys it, the server goes on.
  void Leave(std::unique_ptr<Instance> instance);
  template <class F>
  auto Run(F fn) {
    return runtime::RunOn(shard_, std::move(fn));
  }

 private:
  runtime::BlockingPool pool_{2, 64};
  runtime::Shard shard_{0};
  std::unique_ptr<Runtime> runtime_;
};

// A directory with copies: NAME/volume/data and NAME/run.
class Copies {
 public:
  Copies();

  const std::string& path() const { return directory_.path(); }
  // A new cluster that was never started; takes a second.
  std::string MakeCluster();
  // Copies a data directory, cleans the copy, and says how to run it as a branch of that name. The
  // volume of the original is the directory above it.
  InstanceSpec Clone(const std::string& data_directory, const std::string& name);
  // Copies all of a volume, with what is beside its data directory.
  InstanceSpec CloneVolume(const InstanceSpec& original, const std::string& name);

 private:
  InstanceSpec Describe(const std::string& name) const;
  base::testing::TempDirectory directory_;
};

}  // namespace prism::branching::testing
