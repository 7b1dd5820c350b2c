#include "branching/containers/engine_answers.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/utf8.h"

namespace prism::branching {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxWords = 400;  // bytes of what the engine says

json Parse(const EngineReply& reply) { return json::parse(reply.body, nullptr, false); }

std::unexpected<Error> Strange(std::string_view what) {
  return std::unexpected(
      Error(Code::kInternal, "DOCKER_PROTOCOL",
            fmt::format("the answer of Docker's engine is not understood ({})", what)));
}

// A member of an object that may be absent or null.
const json& Member(const json& object, const char* name) {
  static const json kNothing;
  if (!object.is_object()) return kNothing;
  const auto found = object.find(name);
  return found == object.end() ? kNothing : *found;
}

std::optional<int> Number(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return std::in_range<int>(number) ? std::optional(static_cast<int>(number)) : std::nullopt;
  }
  const auto number = value.get<std::int64_t>();
  return std::in_range<int>(number) ? std::optional(static_cast<int>(number)) : std::nullopt;
}

// What the engine says in a reply that is no success.
std::string Words(const EngineReply& reply) {
  const json parsed = Parse(reply);
  if (const json& message = Member(parsed, "message"); message.is_string()) {
    return std::string(base::TruncateUtf8(message.get_ref<const std::string&>(), kMaxWords));
  }
  return reply.body.substr(0, kMaxWords);
}

}  // namespace

bool Succeeded(const EngineReply& reply) { return reply.status >= 200 && reply.status < 300; }

Error Refused(const EngineReply& reply, std::string_view what) {
  constexpr int kServerError = 500;
  return {reply.status < kServerError ? Code::kFailedPrecondition : Code::kUnavailable,
          "DOCKER_REFUSED",
          fmt::format("Docker's engine did not do it ({}): {} (status {})", what, Words(reply),
                      reply.status)};
}

Status CheckHostInfo(const EngineReply& reply) {
  const json info = Parse(reply);
  if (!info.is_object()) return Strange("info");
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

Result<ContainerImage> ReadImage(const EngineReply& reply, const std::string& name) {
  const json parsed = Parse(reply);
  ContainerImage image{.name = name, .id = {}, .volumes = {}};
  if (const json& id = Member(parsed, "Id"); id.is_string()) image.id = id;
  if (image.id.empty()) return Strange("an image without a number");
  const json& volumes = Member(Member(parsed, "Config"), "Volumes");
  if (!volumes.is_object() && !volumes.is_null()) return Strange("the volumes of an image");
  for (const auto& volume : volumes.items()) image.volumes.push_back(volume.key());
  return image;
}

Result<ContainerState> ReadContainerState(const EngineReply& reply) {
  const json parsed = Parse(reply);
  const json& state = Member(parsed, "State");
  const json& id = Member(parsed, "Id");
  const json& running = Member(state, "Running");
  const std::optional<int> pid = Number(Member(state, "Pid"));
  if (!id.is_string() || !running.is_boolean() || !pid || *pid < 0) {
    return Strange("the state of a container");
  }
  return ContainerState{.id = id, .running = running, .pid = *pid};
}

Result<std::vector<std::string>> ReadContainerIds(const EngineReply& reply) {
  const json parsed = Parse(reply);
  if (!parsed.is_array()) return Strange("a list of containers");
  std::vector<std::string> ids;
  for (const json& container : parsed) {
    const json& id = Member(container, "Id");
    if (!id.is_string()) return Strange("a container without a number");
    ids.push_back(id);
  }
  return ids;
}

Result<int> ReadExitCode(const EngineReply& reply) {
  const json parsed = Parse(reply);
  const std::optional<int> code = Number(Member(parsed, "StatusCode"));
  if (!code) return Strange("the end of a container");
  return *code;
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
