// For tests: hears when a server that they have started says that it is ready.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "base/unique_fd.h"

namespace prism::base::testing {

// A socket as sd_notify(3) writes to. Life cycle: construct, start the server with NOTIFY_SOCKET
// naming the path, Await.
class ReadyNotice {
 public:
  // Throws when there can be no socket at this path.
  explicit ReadyNotice(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() < sizeof address.sun_path) path.copy(address.sun_path, path.size());
    std::filesystem::remove(path);
    if (path.size() >= sizeof address.sun_path ||
        ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::system_error(errno, std::system_category(), "bind " + path);
    }
  }

  // False: the process has ended, or has not said so within the limit.
  bool Await(pid_t pid, int limit_ms) const {
    const base::UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    std::array<pollfd, 2> both = {pollfd{fd_.get(), POLLIN, 0}, pollfd{process.get(), POLLIN, 0}};
    std::array<char, 1024> notice{};
    while (true) {
      const int events = ::poll(both.data(), both.size(), limit_ms);
      if (events < 0 && errno == EINTR) continue;
      if (events <= 0) return false;
      const ssize_t size = ::recv(fd_.get(), notice.data(), notice.size(), 0);
      const std::string_view said(notice.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
      if (said.find("READY=1") != std::string_view::npos) return true;
      if (size < 0 && both[1].revents != 0) return false;
    }
  }

 private:
  base::UniqueFd fd_;
};

}  // namespace prism::base::testing
