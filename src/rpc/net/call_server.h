// The gRPC server: listeners and the connections of all shards.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "rpc/net/listen_socket.h"
#include "rpc/net/listener.h"
#include "rpc/net/server_shard.h"
#include "rpc/server.h"
#include "runtime/shard.h"

namespace prism::rpc {

// Life cycle: construct (the shards are running), Listen for each address, Drain, Stop, destroy.
// Thread rule: one control thread that is no shard; Listen, Drain and Stop block it.
class CallServer {
 public:
  // Shards and dispatcher outlive the server.
  CallServer(runtime::ShardPool& shards, Dispatcher& dispatcher, const ServerLimits& limits,
             const Cors& cors = {});
  CallServer(const CallServer&) = delete;
  CallServer& operator=(const CallServer&) = delete;
  ~CallServer();

  // TCP connections of what listens from now on speak TLS; called again, their sessions begin with
  // another certificate. Connections that there are go on with theirs.
  void UseTls(const std::shared_ptr<const TlsContext>& tls);
  // Which pages may call from now on, over the connections that there are, too.
  void UseCors(const Cors& cors);
  // Serves there from now on; answers the address with the port that the system chose. `hosts`:
  // what requests may name, unless they come by TLS, whose certificate the client has compared
  // with the name, or through a unix socket, which no page reaches.
  Result<std::string> Listen(std::string_view address);
  Result<std::string> Listen(ListenSocket socket, std::shared_ptr<const LocalHosts> hosts = {});
  // Accepts no more, sends GOAWAY, waits until every connection has ended, at most until
  // `deadline`; whether all have ended. May be called again to wait longer.
  bool Drain(MonoNanos deadline);
  // Accepts no more where another process may accept in its place; the rest goes on.
  void StopSharedListeners();
  // Open connections. Any thread.
  int connections() const;
  // Those that have come to their shards, and those that have ended. Any thread.
  ConnectionCounts connection_counts() const;
  // What became of connections beyond the limits. Any thread.
  struct Crowding {
    std::uint64_t given_up = 0;  // for others, at max_connections
    std::uint64_t refused = 0;   // there, when all others had calls open
    // Closed at max_buffered_bytes, for what they made the server hold.
    std::uint64_t relieved = 0;
  };
  Crowding crowding() const;
  // How often clients had to wait because no descriptors were left. Any thread.
  std::uint64_t accept_pauses() const { return accept_pauses_.load(std::memory_order_relaxed); }
  const TlsCounters& tls_counters() const { return tls_counters_; }
  // Ends whatever is left; calls get UNAVAILABLE/SERVER_STOPPING.
  void Stop();

 private:
  void Place(NewSocket socket);
  void MakeRoom(std::size_t index, std::size_t asked, NewSocket socket);
  void StopListening();

  runtime::ShardPool& shards_;
  ServerLimits limits_;
  TlsCounters tls_counters_;
  bool secure_ = false;
  std::vector<std::unique_ptr<ServerShard>> per_shard_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::atomic<std::uint64_t> accept_pauses_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
  bool draining_ = false;
  bool stopped_ = false;
};

}  // namespace prism::rpc
