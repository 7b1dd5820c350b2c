// Addresses of sockets for people.
#pragma once

#include <sys/socket.h>

#include <string>

namespace prism::rpc {

// "127.0.0.1:8980", "[::1]:8980", "unix:/run/prism.sock"; "unix:" for a socket without a name.
std::string DescribeAddress(const sockaddr_storage& address, socklen_t size);

}  // namespace prism::rpc
