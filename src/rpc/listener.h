// Accepts connections: one acceptor for all shards, so that they can be spread by load.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "runtime/shard.h"

namespace prism::rpc {

// A listening socket on a shard. Life cycle: Open, Start, Stop (on the shard). Thread rule: Open
// anywhere, the rest on the shard.
class Listener final : private runtime::FdHandler {
 public:
  // Told of each connected, non-blocking socket; takes it over.
  using OnSocket = std::function<void(int fd, std::string peer)>;

  Listener(runtime::Shard& shard, OnSocket on_socket)
      : shard_(shard), on_socket_(std::move(on_socket)) {}
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  // "host:port" with a numeric host or localhost, "[::1]:0", "unix:/path". Port 0: the system
  // chooses. UNAVAILABLE/ADDRESS_IN_USE, INVALID_ARGUMENT/BAD_ADDRESS,
  // PERMISSION_DENIED/ADDRESS_NOT_PERMITTED.
  Status Open(std::string_view address);
  Status Start();
  void Stop();
  // As others may connect to it: with the port that the system chose.
  const std::string& address() const { return address_; }

 private:
  void OnReady(std::uint32_t events) override;
  Status OpenUnix(const std::string& path);
  Status OpenTcp(std::string_view address);

  runtime::Shard& shard_;
  OnSocket on_socket_;
  int fd_ = -1;
  bool watched_ = false;
  std::string address_;
  std::string unix_path_;  // removed at the end
};

}  // namespace prism::rpc
