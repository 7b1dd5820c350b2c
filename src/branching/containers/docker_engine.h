// What branches need of Docker's engine.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "branching/containers/engine_answers.h"
#include "branching/containers/engine_client.h"

namespace prism::branching {

// Any thread; all of it blocks, at most a minute. Errors of EngineClient, and
// FAILED_PRECONDITION/DOCKER_REFUSED (UNAVAILABLE when the engine failed) with its own words.
class DockerEngine {
 public:
  explicit DockerEngine(std::string socket) : client_(std::move(socket)) {}

  // Whether users of containers are those of this machine. FAILED_PRECONDITION/DOCKER_UNSUITABLE.
  Status CheckHost() const;
  // FAILED_PRECONDITION/IMAGE_NOT_FOUND: it is not on this machine; nothing is downloaded here.
  Result<ContainerImage> FindImage(const std::string& name) const;
  // FAILED_PRECONDITION/NETWORK_NOT_FOUND.
  Status CheckNetwork(const std::string& name) const;

  // `container`: the JSON of ContainerCreate. One of that name is removed before, whatever it does.
  Status Create(const std::string& name, const std::string& container) const;
  Status Start(const std::string& name) const;
  // Nothing when there is none.
  Result<std::optional<ContainerState>> Inspect(const std::string& name) const;
  // Ends and removes it, and waits for that; one that is not there is fine.
  Status Remove(const std::string& name) const;
  // Of a container that the engine removes when it has ended.
  Status AwaitRemoval(const std::string& name) const;
  // The numbers of all containers with this label, "key=value", ended ones too.
  Result<std::vector<std::string>> List(const std::string& label) const;

  struct Output {
    int code = 0;
    std::string text;  // standard output and standard error
  };
  // Runs a container to its end and removes it.
  Result<Output> Run(const std::string& name, const std::string& container) const;

 private:
  Result<EngineReply> Ask(std::string_view method, std::string_view target,
                          std::string_view body = {}) const;

  EngineClient client_;
};

}  // namespace prism::branching
