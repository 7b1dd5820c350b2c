// The sockets of the server: taken from the service manager, or opened where the settings say.
#pragma once

#include <optional>
#include <vector>

#include "app/settings.h"
#include "base/status.h"
#include "rpc/net/listen_socket.h"

namespace prism::app {

struct Sockets {
  std::vector<rpc::ListenSocket> data;  // at least one
  std::vector<rpc::ListenSocket> admin;
  std::optional<rpc::ListenSocket> postgres;  // with branches

  // Whether clients wait in a queue that outlives this process, which another may have served.
  bool inherited() const { return data.front().shared() || (postgres && postgres->shared()); }
};

// Of the descriptors that a service manager hands over (sd_listen_fds(3)) those named "admin" are
// the admin port's, one named "postgres" is the branches', and all others are clients' of data;
// what it has none for is opened. Clears the variables that tell of them, so that no child takes
// them for its own. The errors of rpc::ListenSocket, FAILED_PRECONDITION/INSECURE_LISTENER,
// INVALID_ARGUMENT/TWO_POSTGRES_SOCKETS, and FAILED_PRECONDITION/NO_BRANCHES_TO_SERVE for one that
// nobody would serve. Before any other thread reads the environment.
Result<Sockets> OpenSockets(const ServerSettings& settings);

}  // namespace prism::app
