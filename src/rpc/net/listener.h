// Accepts connections: one acceptor for all shards, so that they can be spread by load.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "base/status.h"
#include "rpc/net/listen_socket.h"
#include "runtime/shard.h"
#include "runtime/timer_wheel.h"

namespace prism::rpc {

// A listening socket on a shard. While the process or the system has no descriptors left it looks
// only now and then: clients wait in the system's queue meanwhile. Life cycle: construct, Start,
// Stop (on the shard), destroy. Thread rule: constructed anywhere, used on the shard.
class Listener final : private runtime::FdHandler, private runtime::Timer {
 public:
  // Told of each connected, non-blocking socket; takes it over.
  using OnSocket = std::function<void(int fd, std::string peer)>;
  // Told each time that there were no descriptors for a client who waits.
  using OnShortage = std::function<void()>;

  Listener(runtime::Shard& shard, ListenSocket socket, OnSocket on_socket, OnShortage on_shortage)
      : shard_(shard),
        socket_(std::move(socket)),
        on_socket_(std::move(on_socket)),
        on_shortage_(std::move(on_shortage)) {}
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() override = default;

  Status Start();
  // Takes who is in the queue, unless the socket is somebody else's: then they wait for whoever
  // accepts next.
  void Stop();
  const std::string& address() const { return socket_.address(); }
  bool shared() const { return socket_.shared(); }

 private:
  void OnReady(std::uint32_t events) override;
  void OnTimer() override;
  // False: nobody waits, or nobody can be taken now.
  bool AcceptOne();
  void Pause();

  runtime::Shard& shard_;
  ListenSocket socket_;
  OnSocket on_socket_;
  OnShortage on_shortage_;
  bool watched_ = false;
};

}  // namespace prism::rpc
