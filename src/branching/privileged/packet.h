// Packets with descriptors, over a pair of sockets that keep their bounds (SOCK_SEQPACKET).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace prism::branching::internal {

inline constexpr std::size_t kMaxPacket = std::size_t{64} << 10;
inline constexpr std::size_t kMaxDescriptors = 8;

struct Packet {
  std::string bytes;
  std::vector<base::UniqueFd> fds;  // close-on-exec
};

Result<std::pair<base::UniqueFd, base::UniqueFd>> MakeSocketPair();

// Waits until there is room. INVALID_ARGUMENT/PRIVILEGED_PACKET_TOO_LONG, PRIVILEGED_SOCKET.
Status SendPacket(int socket, const std::string& bytes, const std::vector<int>& fds);

// Waits for one; nothing when nobody has the other end any more. PRIVILEGED_SOCKET; a packet that
// is too long, or has too many descriptors, is INVALID_ARGUMENT/PRIVILEGED_PACKET_TOO_LONG.
Result<std::optional<Packet>> ReceivePacket(int socket);

// Whether the other end is closed, or says nothing more.
bool HungUp(int socket);

}  // namespace prism::branching::internal
