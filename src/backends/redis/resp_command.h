// Commands as Redis reads them (RESP2, "Sending commands to a Redis server"). Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace prism::backends {

// One argument, any bytes: two pieces that become one, since keys are a prefix and a key, and
// values a header and a payload. Neither is copied before it stands in the command.
struct RespArgument {
  std::string_view head;
  std::string_view tail = {};

  std::size_t size() const { return head.size() + tail.size(); }
};

// The name of the command is its first argument.
using RespCommand = std::span<const RespArgument>;

// The bytes of its arguments.
std::size_t RespPayload(RespCommand command);
void AppendRespCommand(std::string& out, RespCommand command);

}  // namespace prism::backends
