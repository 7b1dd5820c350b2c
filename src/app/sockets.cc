#include "app/sockets.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace prism::app {

namespace {

constexpr int kFirstFd = 3;   // SD_LISTEN_FDS_START
constexpr int kMostFds = 64;  // nobody has that many addresses

std::string Take(const char* variable) {
  const char* value = std::getenv(variable);
  std::string text = value != nullptr ? value : "";
  ::unsetenv(variable);
  return text;
}

int ToNumber(std::string_view text) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  return parsed.ec == std::errc() && parsed.ptr == end ? number : 0;
}

// The part of a list "a:b:c" before its first colon, which is taken off.
std::string_view NextName(std::string_view& names) {
  const std::string_view name = names.substr(0, names.find(':'));
  names.remove_prefix(std::min(name.size() + 1, names.size()));
  return name;
}

Status TakeOver(Sockets& sockets) {
  const std::string pid = Take("LISTEN_PID");
  const std::string count = Take("LISTEN_FDS");
  const std::string all_names = Take("LISTEN_FDNAMES");
  if (ToNumber(pid) != ::getpid()) return {};
  std::string_view names = all_names;
  for (int i = 0; i < std::min(ToNumber(count), kMostFds); ++i) {
    auto& group = NextName(names) == "admin" ? sockets.admin : sockets.data;
    TRY_ASSIGN(rpc::ListenSocket socket, rpc::ListenSocket::Adopt(kFirstFd + i));
    group.push_back(std::move(socket));
  }
  return {};
}

Status OpenUnlessThere(std::vector<rpc::ListenSocket>& group, const std::string& address) {
  if (!group.empty()) return {};
  TRY_ASSIGN(rpc::ListenSocket socket, rpc::ListenSocket::Open(address));
  group.push_back(std::move(socket));
  return {};
}

}  // namespace

Result<Sockets> OpenSockets(const ServerSettings& settings) {
  Sockets sockets;
  TRY(TakeOver(sockets));
  TRY(OpenUnlessThere(sockets.data, settings.listen));
  TRY(OpenUnlessThere(sockets.admin, settings.admin_listen));
  if (settings.branching) {
    TRY_ASSIGN(sockets.postgres, rpc::ListenSocket::Open(settings.branching->listen));
  }
  for (const rpc::ListenSocket& socket : sockets.data) {
    TRY(CheckDataExposure(socket.address(), settings));
  }
  for (const rpc::ListenSocket& socket : sockets.admin) {
    TRY(CheckAdminExposure(socket.address(), settings));
  }
  return sockets;
}

}  // namespace prism::app
