// Servers in containers of Docker.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "branching/containers/container_spec.h"
#include "branching/containers/docker_engine.h"
#include "branching/instances/runtime.h"
#include "branching/instances/sandbox.h"
#include "branching/instances/server_start.h"
#include "runtime/blocking_pool.h"

namespace prism::branching {

struct DockerOptions {
  std::string socket = "/var/run/docker.sock";
  std::string image = "postgres:15-alpine";
  std::string network = "none";  // of servers; they listen on none in any case
  ServerLimits limits = {};      // of each server
  std::string home;  // the directory above all run directories: whose containers are ours
};

// The engine is one of this machine, which sees our files and whose processes we see. Volume and
// run directory have the same paths inside as outside, and the server runs as the same user, so
// that what is started here can be adopted, stopped and measured as a plain process: by its lock
// and its number. The engine is asked to start it, and about starts that nobody recorded.
//
// Any shard; the pool outlives it.
class DockerRuntime final : public Runtime {
 public:
  // Asks the engine for the image and runs it once to see what it has; removes containers that an
  // earlier process left without a server. Blocks for about a second. INSTANCE_USER_ROOT,
  // INSTANCE_USER_OTHER; errors of DockerEngine; FAILED_PRECONDITION/IMAGE_UNSUITABLE when the
  // image lacks a program.
  static Result<std::unique_ptr<DockerRuntime>> Make(DockerOptions options, InstanceUser user,
                                                     runtime::BlockingPool* pool);

  // What the image has.
  const PostgresBinaries& server() const { return server_; }

  // Also DOCKER_*, and FAILED_PRECONDITION/DOCKER_ELSEWHERE when the container is no process of
  // ours to see.
  runtime::Task<Result<std::unique_ptr<Instance>>> Start(InstanceSpec spec, MonoNanos deadline,
                                                         runtime::CancelSource* cancel) override;
  runtime::Task<Result<std::optional<InstanceIdentity>>> Find(std::string run_directory) override;
  runtime::Task<Result<std::unique_ptr<Instance>>> Adopt(std::string run_directory,
                                                         InstanceIdentity identity) override;
  runtime::Task<Result<ClusterControl>> ReadControl(std::string data_directory,
                                                    PostgresBinaries binaries) override;

 private:
  struct Launched;
  struct Sighting;

  DockerRuntime(const DockerOptions& options, InstanceUser user, runtime::BlockingPool* pool)
      : user_(user),
        pool_(pool),
        engine_(options.socket),
        ground_{.image = {},
                .network = options.network,
                .limits = options.limits,
                .home = options.home} {}

  Status LookAtEngine(const DockerOptions& options);
  Status RemoveLeftovers() const;
  Status LookIntoImage();
  Result<Launched> Launch(const InstanceSpec& spec) const;
  Result<Launched> LaunchPrepared(const InstanceSpec& spec, PreparedStart prepared,
                                  const RunDirectory& directory,
                                  const std::string& container) const;
  void Discard(const std::string& container) const;
  Result<Sighting> LookFor(const RunDirectory& directory) const;
  Result<ClusterControl> AskForControl(const std::string& data_directory,
                                       const PostgresBinaries& binaries) const;

  InstanceUser user_;
  runtime::BlockingPool* pool_;
  DockerEngine engine_;
  ContainerGround ground_;
  PostgresBinaries server_;
};

}  // namespace prism::branching
