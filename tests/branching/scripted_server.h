// A server that says what a test wants it to, in place of PostgreSQL.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "base/testing/temp_directory.h"
#include "base/unique_fd.h"
#include "tests/logins/wire_socket.h"

namespace prism::branching::testing {

// Life cycle: listens on a unix socket from the constructor on; takes one connection after the
// other on a thread of its own, until it is destroyed, which needs the last script to end.
class ScriptedServer {
 public:
  // Plays one connection, the first is 0; it is closed at the end. What it throws ends it too.
  using Script = std::function<void(prism::testing::WireSocket&, int connection)>;

  explicit ScriptedServer(Script script);
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer();

  std::string socket_path() const { return directory_.File("socket"); }
  int connections() const { return connections_.load(); }

 private:
  void Serve();

  const Script script_;
  base::testing::TempDirectory directory_;
  base::UniqueFd listener_;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

// The packet that a client or a canceller begins with, without its length.
std::string ReceivePacket(prism::testing::WireSocket& socket);

}  // namespace prism::branching::testing
