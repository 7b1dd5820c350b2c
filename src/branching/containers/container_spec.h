// The containers that branches need, as the engine is asked for them: Docker's own walls, with
// nothing in them but the image and what of a branch the server needs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "branching/containers/docker_engine.h"
#include "branching/instances/cgroup_home.h"
#include "branching/instances/run_directory.h"
#include "branching/instances/runtime.h"
#include "branching/instances/sandbox.h"

namespace prism::branching {

// By which our containers are known; its value is the directory above all run directories.
inline constexpr std::string_view kHomeLabel = "prism.home";

// The name of the container for a directory of ours. Different for different paths; tells them to
// people: "prism.var.lib.prism.branches.run.b-01" of /var/lib/prism/branches/run/b-01.
std::string ContainerName(std::string_view path);

// What all of them have in common.
struct ContainerGround {
  ContainerImage image;
  std::string network = "none";
  ServerLimits limits = {};
  std::string home;
};

// ContainerCreate of a server. The engine removes the container when the server has ended. A shell
// takes the lock of the run directory as descriptor 3 before it becomes the server, so that the
// lock is held for as long as a process of the server lives, as in every runtime.
std::string ServerContainer(const ContainerGround& ground, const InstanceSpec& spec,
                            const RunDirectory& directory, InstanceUser user);

struct ContainerTool {
  std::vector<std::string> command;
  std::string directory;  // the one that it can read; empty: none
  InstanceUser user;
};
// Of a program that says something and ends.
std::string ToolContainer(const ContainerGround& ground, const ContainerTool& tool);

}  // namespace prism::branching
