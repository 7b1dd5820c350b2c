#include "branching/containers/docker_engine.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/percent.h"

namespace prism::branching {
namespace {

// The engine takes its time when many containers start at once.
constexpr MonoNanos kPatience = 30 * kNanosPerSecond;
constexpr MonoNanos kRemovalPatience = 10 * kNanosPerSecond;
constexpr MonoNanos kRemovalSlice = 250 * kNanosPerMilli;

constexpr int kNoContent = 204;
constexpr int kNotModified = 304;
constexpr int kNotFound = 404;
constexpr int kConflict = 409;

std::string ContainerTarget(const std::string& name, std::string_view rest) {
  return fmt::format("/containers/{}{}", base::PercentEncode(name), rest);
}

}  // namespace

Result<EngineReply> DockerEngine::Ask(std::string_view method, std::string_view target,
                                      std::string_view body) const {
  return client_.Call(method, target, body, kPatience);
}

Status DockerEngine::CheckHost() const {
  TRY_ASSIGN(const EngineReply reply, Ask("GET", "/info"));
  if (!Succeeded(reply)) return std::unexpected(Refused(reply, "telling about itself"));
  return CheckHostInfo(reply);
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
  return ReadImage(reply, name);
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
  return ReadContainerState(reply);
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
  const nlohmann::json filters = {{"label", {label}}};
  TRY_ASSIGN(const EngineReply reply,
             Ask("GET", "/containers/json?all=1&filters=" + base::PercentEncode(filters.dump())));
  if (!Succeeded(reply)) return std::unexpected(Refused(reply, "listing containers"));
  return ReadContainerIds(reply);
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
    TRY_ASSIGN(const int code, ReadExitCode(ended));
    return Output{.code = code, .text = JoinLogFrames(log.body)};
  };
  Result<Output> output = run();
  TRY(Remove(name));
  return output;
}

}  // namespace prism::branching
