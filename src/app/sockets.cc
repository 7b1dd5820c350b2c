#include "app/sockets.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
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

Status TakePostgres(rpc::ListenSocket socket, Sockets& sockets) {
  if (sockets.postgres) {
    return std::unexpected(
        Error(Code::kInvalidArgument, "TWO_POSTGRES_SOCKETS",
              fmt::format("two sockets are named postgres, {} and {}: hand over one",
                          sockets.postgres->address(), socket.address())));
  }
  sockets.postgres = std::move(socket);
  return {};
}

Status TakeOver(Sockets& sockets) {
  const std::string pid = Take("LISTEN_PID");
  const std::string count = Take("LISTEN_FDS");
  const std::string all_names = Take("LISTEN_FDNAMES");
  if (ToNumber(pid) != ::getpid()) return {};
  std::string_view names = all_names;
  for (int i = 0; i < std::min(ToNumber(count), kMostFds); ++i) {
    const std::string_view name = NextName(names);
    TRY_ASSIGN(rpc::ListenSocket socket, rpc::ListenSocket::Adopt(kFirstFd + i));
    if (name == "postgres") {
      TRY(TakePostgres(std::move(socket), sockets));
    } else {
      (name == "admin" ? sockets.admin : sockets.data).push_back(std::move(socket));
    }
  }
  return {};
}

Status OpenPostgres(const ServerSettings& settings, std::optional<rpc::ListenSocket>& socket) {
  if (!settings.branching) {
    if (!socket) return {};
    return std::unexpected(
        Error(Code::kFailedPrecondition, "NO_BRANCHES_TO_SERVE",
              fmt::format("the socket {} is named postgres, and there are no branches: name their "
                          "source (branching.source), or do not hand it over",
                          socket->address())));
  }
  if (socket) return CheckPostgresExposure(socket->address(), settings);
  TRY_ASSIGN(socket, rpc::ListenSocket::Open(settings.branching->listen));
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
  TRY(OpenPostgres(settings, sockets.postgres));
  for (const rpc::ListenSocket& socket : sockets.data) {
    TRY(CheckDataExposure(socket.address(), settings));
  }
  for (const rpc::ListenSocket& socket : sockets.admin) {
    TRY(CheckAdminExposure(socket.address(), settings));
  }
  return sockets;
}

}  // namespace prism::app
