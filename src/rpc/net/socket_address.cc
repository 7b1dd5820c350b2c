#include "rpc/net/socket_address.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace prism::rpc {

std::string DescribeAddress(const sockaddr_storage& address, socklen_t size) {
  if (address.ss_family == AF_UNIX) {
    sockaddr_un name{};
    std::memcpy(&name, &address, sizeof name);
    const bool named = size > offsetof(sockaddr_un, sun_path) && name.sun_path[0] == '/';
    return fmt::format("unix:{}", named ? name.sun_path : "");
  }
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  return address.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host, port)
                                       : fmt::format("{}:{}", host, port);
}

}  // namespace prism::rpc
