// For tests: a gate between a client and a server that breaks on purpose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "rpc/client/client_target.h"
#include "runtime/shard.h"

namespace prism::backends::testing {

// Listens on a free port of 127.0.0.1 and passes what comes on to the server: over a connection of
// its own for each client. What it does wrong is set while it runs, for the connections of that
// moment and those that come. Runs on a shard of its own. Thread rule: construct, set and destroy
// on one thread that is no shard.
class TcpGate final : private runtime::FdHandler {
 public:
  explicit TcpGate(rpc::ClientTarget server);
  TcpGate(const TcpGate&) = delete;
  TcpGate& operator=(const TcpGate&) = delete;
  ~TcpGate();

  std::uint16_t port() const { return port_; }
  rpc::ClientTarget target() const { return {.host = "127.0.0.1", .port = port_}; }

  // Each connection ends when so many more bytes of replies have passed; 0: at the next byte.
  void CutReplyAfter(std::size_t bytes);
  // The same for requests: the server has got no more than these.
  void CutRequestAfter(std::size_t bytes);
  // Nothing passes, and nothing ends.
  void Stall();
  // Replies pass so much later.
  void Delay(MonoNanos by);
  // Who connects is let in and sent away.
  void Refuse();
  // Ends the connections that are there.
  void CutAll();
  // Passes everything again; connections that were cut stay so.
  void Pass();
  // That were let through since the beginning.
  int accepted();

 private:
  class Pair;

  static constexpr std::size_t kEndless = std::numeric_limits<std::size_t>::max();
  struct Plan {
    std::size_t reply_bytes = kEndless;
    std::size_t request_bytes = kEndless;
    bool stalled = false;
    bool refusing = false;
    MonoNanos delay = 0;
  };

  // Runs it on the shard, and returns when it is done.
  template <class F>
  void OnShard(F work);
  void Apply(Plan plan);
  // Somebody is at the door.
  void OnReady(std::uint32_t) override;

  rpc::ClientTarget server_;
  std::uint16_t port_ = 0;
  runtime::Shard shard_{0};
  Plan plan_;
  int accepted_ = 0;
  base::UniqueFd door_;  // where clients come in
  std::list<std::unique_ptr<Pair>> pairs_;
};

}  // namespace prism::backends::testing
