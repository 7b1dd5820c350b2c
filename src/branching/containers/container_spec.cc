#include "branching/containers/container_spec.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

#include "branching/instances/server_start.h"

namespace prism::branching {
namespace {

using nlohmann::json;

// $1 is the lock, $2 the log, then comes the server's command. `flock` is part of busybox and of
// util-linux, so of every image that is made of a distribution.
constexpr const char* kServerScript =
    "umask 077; exec 3<\"$1\" </dev/null >>\"$2\" 2>&1; "
    "flock -x -n 3 || { echo 'FATAL:  another server has the lock of this one'; exit 1; }; "
    "shift 2; exec \"$@\"";

// As the sandbox of the other runtime.
constexpr int kOpenFiles = 4096;
constexpr int kOomScoreAdjust = 500;
constexpr const char* kTemporary = "mode=1777,size=64m";
constexpr std::int64_t kSharedMemory = std::int64_t{1} << 30;  // at most; takes what is used

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

json Bind(const std::string& path, bool read_only) {
  return {{"Type", "bind"}, {"Source", path}, {"Target", path}, {"ReadOnly", read_only}};
}

json Limit(std::string_view name, int value) {
  return {{"Name", name}, {"Soft", value}, {"Hard", value}};
}

// Without one the engine spares itself what half of a start takes: it makes a namespace and looks
// after it. What starts the container gives it one of its own, with a loopback, in either case.
void SetNetwork(const std::string& network, json& container) {
  container["HostConfig"]["NetworkMode"] = network;
  if (network == "none") container["NetworkDisabled"] = true;
}

// No rights, nothing to write to but what is added; the network is still to be set.
json Confined(const ContainerGround& ground, InstanceUser user) {
  json memory = {{"/tmp", kTemporary}};
  // Else the engine would make a directory of its own for each.
  for (const std::string& volume : ground.image.volumes) memory[volume] = kTemporary;
  return {{"Image", ground.image.id},
          {"User", fmt::format("{}:{}", user.uid, user.gid)},
          {"WorkingDir", "/"},
          {"Healthcheck", {{"Test", {"NONE"}}}},
          {"Labels", {{kHomeLabel, ground.home}}},
          {"HostConfig",
           {{"ReadonlyRootfs", true},
            {"CapDrop", {"ALL"}},
            {"SecurityOpt", {"no-new-privileges"}},
            {"OomScoreAdj", kOomScoreAdjust},
            {"Ulimits", {Limit("nofile", kOpenFiles), Limit("core", 0)}},
            {"Tmpfs", std::move(memory)}}}};
}

}  // namespace

std::string ContainerName(std::string_view path) {
  std::string name = "prism";
  for (const char c : path) {
    if (IsPlain(c)) {
      name += c;
    } else if (c == '/') {
      name += '.';
    } else {
      name += fmt::format("_{:02x}", static_cast<unsigned char>(c));
    }
  }
  return name;
}

std::string ServerContainer(const ContainerGround& ground, const InstanceSpec& spec,
                            const RunDirectory& directory, InstanceUser user) {
  json container = Confined(ground, user);
  SetNetwork(ground.network, container);
  container["Entrypoint"] = {"/bin/sh", "-c", kServerScript, "sh"};
  json command = {directory.lock(), directory.log()};
  for (std::string& word : ServerCommand(spec, directory, /*own_shared_memory=*/true)) {
    command.push_back(std::move(word));
  }
  container["Cmd"] = std::move(command);
  if (std::string notify = NotifyVariable(spec, directory); !notify.empty()) {
    container["Env"] = {std::move(notify)};
  }
  container["StopSignal"] = "SIGINT";  // a fast shutdown, when somebody else stops it
  container["Labels"]["prism.volume"] = spec.volume;
  json& host = container["HostConfig"];
  host["AutoRemove"] = true;
  host["LogConfig"] = {{"Type", "none"}};
  host["ShmSize"] = kSharedMemory;
  host["PidsLimit"] = ground.limits.processes;
  host["Memory"] = ground.limits.memory_bytes;
  host["MemorySwap"] = ground.limits.memory_bytes;  // the two together: nothing is swapped
  host["Mounts"] = {Bind(spec.volume, false), Bind(directory.socket_directory(), false),
                    Bind(directory.log(), false), Bind(directory.lock(), true),
                    Bind(directory.server(), true)};
  return container.dump();
}

std::string ToolContainer(const ContainerGround& ground, const ContainerTool& tool) {
  json container = Confined(ground, tool.user);
  SetNetwork("none", container);
  container["Entrypoint"] = tool.command;
  container["Cmd"] = json::array();
  container["Env"] = {"LC_ALL=C"};
  json& host = container["HostConfig"];
  host["LogConfig"] = {{"Type", "json-file"}};
  if (!tool.directory.empty()) host["Mounts"] = json::array({Bind(tool.directory, true)});
  return container.dump();
}

}  // namespace prism::branching
