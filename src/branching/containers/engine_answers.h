// What Docker's engine means by its replies. Whatever they hold: INTERNAL/DOCKER_PROTOCOL when it
// is not what the Engine API says.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "branching/containers/engine_reply.h"

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

bool Succeeded(const EngineReply& reply);
// Of a reply that is no success. `what`: what it was to do, "starting a container".
// FAILED_PRECONDITION/DOCKER_REFUSED (UNAVAILABLE when the engine failed) with its own words.
Error Refused(const EngineReply& reply, std::string_view what);

// Of replies that are a success:
// Whether users of containers are those of this machine. FAILED_PRECONDITION/DOCKER_UNSUITABLE.
Status CheckHostInfo(const EngineReply& reply);
Result<ContainerImage> ReadImage(const EngineReply& reply, const std::string& name);
Result<ContainerState> ReadContainerState(const EngineReply& reply);
// The numbers of all containers in a list.
Result<std::vector<std::string>> ReadContainerIds(const EngineReply& reply);
// Of a container that has ended.
Result<int> ReadExitCode(const EngineReply& reply);

// The text of a container's log, which comes in frames of its streams ("Stream format" of
// ContainerAttach). A frame that is cut short ends it.
std::string JoinLogFrames(std::string_view frames);

}  // namespace prism::branching
