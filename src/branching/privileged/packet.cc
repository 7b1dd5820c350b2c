#include "branching/privileged/packet.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>

#include "base/os_error.h"

namespace prism::branching::internal {
namespace {

// The field of a message that descriptors travel in.
struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> bytes{};
};

std::unexpected<Error> SocketError(std::string_view doing) {
  return std::unexpected(base::OsError(errno, "PRIVILEGED_SOCKET", doing));
}

std::unexpected<Error> TooLong() {
  return std::unexpected(Error(Code::kInvalidArgument, "PRIVILEGED_PACKET_TOO_LONG",
                               "a packet between Prism and its privileged helper is too long: use "
                               "shorter paths"));
}

// What arrives is ours to close, whatever is wrong with the rest.
std::vector<base::UniqueFd> TakeDescriptors(msghdr& message) {
  std::vector<base::UniqueFd> fds;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

Result<std::pair<base::UniqueFd, base::UniqueFd>> MakeSocketPair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return SocketError("making a pair of sockets");
  }
  return std::pair(base::UniqueFd(ends[0]), base::UniqueFd(ends[1]));
}

Status SendPacket(int socket, const std::string& bytes, const std::vector<int>& fds) {
  if (bytes.size() > kMaxPacket || fds.size() > kMaxDescriptors) return TooLong();
  iovec data{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  Control control;
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    const std::span<const int> given(fds);
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(given.size_bytes());
    cmsghdr* const part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(given.size_bytes());
    std::memcpy(CMSG_DATA(part), given.data(), given.size_bytes());
  }
  while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return SocketError("sending to the privileged helper");
  }
  return {};
}

Result<std::optional<Packet>> ReceivePacket(int socket) {
  Packet packet{.bytes = std::string(kMaxPacket, '\0'), .fds = {}};
  iovec data{.iov_base = packet.bytes.data(), .iov_len = packet.bytes.size()};
  Control control;
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == ECONNRESET) return std::nullopt;
  if (got < 0) return SocketError("hearing from the privileged helper");
  packet.fds = TakeDescriptors(message);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return TooLong();
  // Nobody sends packets of nothing: this is the end.
  if (got == 0) return std::nullopt;
  packet.bytes.resize(static_cast<std::size_t>(got));
  return packet;
}

bool HungUp(int socket) {
  pollfd waiting{.fd = socket, .events = POLLRDHUP, .revents = 0};
  return ::poll(&waiting, 1, 0) == 1;
}

}  // namespace prism::branching::internal
