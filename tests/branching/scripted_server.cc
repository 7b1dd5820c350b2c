#include "tests/branching/scripted_server.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <stdexcept>
#include <utility>

#include "base/check.h"

namespace prism::branching::testing {

using prism::testing::WireSocket;

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket_path();
  PRISM_CHECK(path.size() < sizeof address.sun_path, "a path that is too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  PRISM_CHECK(::bind(listener_.get(), name, sizeof address) == 0, "no socket for the server");
  PRISM_CHECK(::listen(listener_.get(), 64) == 0, "no socket for the server");
  thread_ = std::thread([this] { Serve(); });
}

ScriptedServer::~ScriptedServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);  // ends accept
  thread_.join();
}

void ScriptedServer::Serve() {
  while (true) {
    base::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) return;
    WireSocket socket(std::move(fd));
    try {
      script_(socket, connections_.fetch_add(1));
    } catch (const std::runtime_error&) {
      continue;  // the proxy has gone, which tests see on its other side
    }
  }
}

std::string ReceivePacket(WireSocket& socket) {
  return socket.Receive(socket.ReceiveInt32() - sizeof(std::uint32_t));
}

}  // namespace prism::branching::testing
