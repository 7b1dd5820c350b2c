// What branches need of Docker's engine.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "branching/containers/engine_client.h"

namespace prism::branching {

struct ContainerImage {
  std::string name;                  // as it was asked for
  std::string id;                    // stays the same when the name moves to another image
  std::vector<std::string> volumes;  // directories of which each container would get its own
};

struct ContainerState {
  std::string id;
  bool running = false;
  pid_t pid = 0;  // of its first process, as the engine's host counts
};

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
  // The names of all containers with this label, "key=value", ended ones too.
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

// The text of a container's log, which comes in frames of its streams ("Stream format" of
// ContainerAttach). A frame that is cut short ends it.
std::string JoinLogFrames(std::string_view frames);

}  // namespace prism::branching
