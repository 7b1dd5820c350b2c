// Startup packets for tests and fuzzers.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "branching/pgwire/wire_bytes.h"

namespace prism::branching::testing {

// Names and values in turn, and the terminator.
inline std::string StartupBody(std::initializer_list<std::string_view> texts) {
  std::string body;
  for (const std::string_view text : texts) AppendText(body, text);
  return body.append(1, '\0');
}

inline std::string StartupPacket(std::uint32_t code, std::string_view body) {
  std::string packet;
  AppendInt32(packet, static_cast<std::uint32_t>(8 + body.size()));
  AppendInt32(packet, code);
  return packet.append(body);
}

}  // namespace prism::branching::testing
