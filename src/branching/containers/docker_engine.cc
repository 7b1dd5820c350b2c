#include "branching/containers/docker_engine.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/percent.h"

namespace prism::branching {
namespace {

using nlohmann::json;

// The engine takes its time when many containers start at once.
constexpr MonoNanos kPatience = 30 * kNanosPerSecond;
constexpr MonoNanos kRemovalPatience = 10 * kNanosPerSecond;
constexpr MonoNanos kRemovalSlice = 250 * kNanosPerMilli;

constexpr int kNoContent = 204;
constexpr int kNotModified = 304;
constexpr int kNotFound = 404;
constexpr int kConflict = 409;

bool Succeeded(const EngineReply& reply) { return reply.status >= 200 && reply.status < 300; }

json Parse(const EngineReply& reply) { return json::parse(reply.body, nullptr, false); }

// What the engine says in a reply that is no success.
std::string Words(const EngineReply& reply) {
  const json parsed = Parse(reply);
  if (parsed.is_object()) return parsed.value("message", "");
  return reply.body.substr(0, 200);
}

Error Refused(const EngineReply& reply, std::string_view what) {
  constexpr int kServerError = 500;
  return {reply.status < kServerError ? Code::kFailedPrecondition : Code::kUnavailable,
          "DOCKER_REFUSED",
          fmt::format("Docker's engine did not do it ({}): {} (status {})", what, Words(reply),
                      reply.status)};
}

Error Strange(std::string_view what) {
  return {Code::kInternal, "DOCKER_PROTOCOL",
          fmt::format("the answer of Docker's engine is not understood ({})", what)};
}

std::string ContainerTarget(const std::string& name, std::string_view rest) {
  return fmt::format("/containers/{}{}", base::PercentEncode(name), rest);
}

// A member of an object that may be absent or null.
const json& Member(const json& object, const char* name) {
  static const json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

}  // namespace

Result<EngineReply> DockerEngine::Ask(std::string_view method, std::string_view target,
                                      std::string_view body) const {
  return client_.Call(method, target, body, kPatience);
}

Status DockerEngine::CheckHost() const {
  TRY_ASSIGN(const EngineReply reply, Ask("GET", "/info"));
  if (!Succeeded(reply)) return std::unexpected(Refused(reply, "telling about itself"));
  const json info = Parse(reply);
  if (!info.is_object()) return std::unexpected(Strange("info"));
  if (Member(info, "OSType") != "linux") {
    return std::unexpected(Error(Code::kFailedPrecondition, "DOCKER_UNSUITABLE",
                                 "Docker's engine runs no Linux containers; branches need them"));
  }
  for (const json& option : Member(info, "SecurityOptions")) {
    const std::string text = option.is_string() ? option.get<std::string>() : "";
    if (!text.starts_with("name=rootless") && !text.starts_with("name=userns")) continue;
    return std::unexpected(
        Error(Code::kFailedPrecondition, "DOCKER_UNSUITABLE",
              fmt::format("Docker's engine gives containers other users than this machine has "
                          "({}), so that their servers could not read the files of branches; use "
                          "an engine that runs as root without userns-remap, or the runtime "
                          "'process'",
                          text)));
  }
  return {};
}

Result<ContainerImage> DockerEngine::FindImage(const std::string& name) const {
  TRY_ASSIGN(const EngineReply reply, Ask("GET", fmt::format("/images/{}/json", name)));
  if (reply.status == kNotFound) {
    return std::unexpected(
        Error(Code::kFailedPrecondition, "IMAGE_NOT_FOUND",
              fmt::format("Docker has no image {} on this machine: get it with \"docker pull {}\", "
                          "or name another one (branching.image)",
                          name, name))
            .With("image", name));
  }
  if (!Succeeded(reply)) return std::unexpected(Refused(reply, "finding the image " + name));
  const json parsed = Parse(reply);
  ContainerImage image{.name = name, .id = {}, .volumes = {}};
  if (const json& id = Member(parsed, "Id"); id.is_string()) image.id = id;
  if (image.id.empty()) return std::unexpected(Strange("an image without a number"));
  const json& volumes = Member(Member(parsed, "Config"), "Volumes");
  for (const auto& volume : volumes.items()) image.volumes.push_back(volume.key());
  return image;
}

Status DockerEngine::CheckNetwork(const std::string& name) const {
  TRY_ASSIGN(const EngineReply reply, Ask("GET", "/networks/" + base::PercentEncode(name)));
  if (Succeeded(reply)) return {};
  if (reply.status != kNotFound) {
    return std::unexpected(Refused(reply, "finding the network " + name));
  }
  return std::unexpected(
      Error(Code::kFailedPrecondition, "NETWORK_NOT_FOUND",
            fmt::format("Docker has no network {}: make it with \"docker network create {}\", or "
                        "leave out branching.network, so that servers have none",
                        name, name))
          .With("network", name));
}

Status DockerEngine::Create(const std::string& name, const std::string& container) const {
  const std::string target = "/containers/create?name=" + base::PercentEncode(name);
  TRY_ASSIGN(EngineReply reply, Ask("POST", target, container));
  if (reply.status == kConflict) {
    TRY(Remove(name));
    TRY_ASSIGN(reply, Ask("POST", target, container));
  }
  if (!Succeeded(reply)) return std::unexpected(Refused(reply, "making a container"));
  return {};
}

Status DockerEngine::Start(const std::string& name) const {
  TRY_ASSIGN(const EngineReply reply, Ask("POST", ContainerTarget(name, "/start")));
  if (Succeeded(reply) || reply.status == kNotModified) return {};
  return std::unexpected(Refused(reply, "starting a container"));
}

Result<std::optional<ContainerState>> DockerEngine::Inspect(const std::string& name) const {
  TRY_ASSIGN(const EngineReply reply, Ask("GET", ContainerTarget(name, "/json")));
  if (reply.status == kNotFound) return std::nullopt;
  if (!Succeeded(reply)) return std::unexpected(Refused(reply, "looking at a container"));
  const json parsed = Parse(reply);
  const json& state = Member(parsed, "State");
  const json& id = Member(parsed, "Id");
  const json& running = Member(state, "Running");
  const json& pid = Member(state, "Pid");
  if (!id.is_string() || !running.is_boolean() || !pid.is_number_integer()) {
    return std::unexpected(Strange("the state of a container"));
  }
  return ContainerState{.id = id, .running = running, .pid = pid};
}

Status DockerEngine::Remove(const std::string& name) const {
  TRY_ASSIGN(const EngineReply reply, Ask("DELETE", ContainerTarget(name, "?force=1&v=1")));
  if (reply.status == kNoContent || reply.status == kNotFound) return {};
  // It is being removed already.
  if (reply.status == kConflict) return AwaitRemoval(name);
  return std::unexpected(Refused(reply, "removing a container"));
}

// One that goes at the moment of the question is sometimes waited for in vain: hence the slices.
Status DockerEngine::AwaitRemoval(const std::string& name) const {
  const MonoNanos deadline = MonotonicNow() + kRemovalPatience;
  const std::string target = ContainerTarget(name, "/wait?condition=removed");
  while (true) {
    const Result<EngineReply> reply = client_.Call("POST", target, {}, kRemovalSlice);
    if (reply && (Succeeded(*reply) || reply->status == kNotFound)) return {};
    if (reply) return std::unexpected(Refused(*reply, "waiting for the end of a container"));
    TRY_ASSIGN(const std::optional<ContainerState> state, Inspect(name));
    if (!state) return {};
    if (MonotonicNow() >= deadline) return std::unexpected(reply.error());
  }
}

Result<std::vector<std::string>> DockerEngine::List(const std::string& label) const {
  const json filters = {{"label", {label}}};
  TRY_ASSIGN(const EngineReply reply,
             Ask("GET", "/containers/json?all=1&filters=" + base::PercentEncode(filters.dump())));
  if (!Succeeded(reply)) return std::unexpected(Refused(reply, "listing containers"));
  std::vector<std::string> names;
  for (const json& container : Parse(reply)) {
    const json& id = Member(container, "Id");
    if (id.is_string()) names.push_back(id);
  }
  return names;
}

Result<DockerEngine::Output> DockerEngine::Run(const std::string& name,
                                               const std::string& container) const {
  TRY(Create(name, container));
  const auto run = [&]() -> Result<Output> {
    TRY(Start(name));
    TRY_ASSIGN(const EngineReply ended, Ask("POST", ContainerTarget(name, "/wait")));
    if (!Succeeded(ended)) return std::unexpected(Refused(ended, "waiting for a container"));
    TRY_ASSIGN(const EngineReply log, Ask("GET", ContainerTarget(name, "/logs?stdout=1&stderr=1")));
    if (!Succeeded(log)) return std::unexpected(Refused(log, "reading what a container said"));
    const json parsed = Parse(ended);
    const json& code = Member(parsed, "StatusCode");
    return Output{.code = code.is_number_integer() ? code.get<int>() : -1,
                  .text = JoinLogFrames(log.body)};
  };
  Result<Output> output = run();
  TRY(Remove(name));
  return output;
}

std::string JoinLogFrames(std::string_view frames) {
  constexpr std::size_t kHeader = 8;  // the stream, three zeroes, the size in network order
  std::string text;
  while (frames.size() >= kHeader) {
    std::uint32_t size = 0;
    for (const char octet : frames.substr(4, 4)) {
      size = size << 8 | static_cast<unsigned char>(octet);
    }
    frames.remove_prefix(kHeader);
    text += frames.substr(0, size);
    frames.remove_prefix(std::min<std::size_t>(size, frames.size()));
  }
  return text;
}

}  // namespace prism::branching
