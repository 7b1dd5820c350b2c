// The bytes of a connection to a store, in clear or over TLS, as events on a shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/unique_fd.h"
#include "rpc/client/client_tls.h"
#include "runtime/shard.h"

namespace prism::backends {

// Told from the loop. May call Send and Close, but not destroy the channel.
class ChannelListener {
 public:
  // What has come, decrypted. Stays until it returns.
  virtual void OnBytes(std::string_view bytes) = 0;
  // Send takes more, after it did not take all.
  virtual void OnRoom() = 0;
  // Once: UNAVAILABLE/CONNECTION_LOST, TLS_HANDSHAKE_FAILED or TLS_BROKEN. The channel is closed.
  virtual void OnLost(Error why) = 0;

 protected:
  ~ChannelListener() = default;
};

// No coroutine and no buffer stands between the socket and who reads it, so that many answers cost
// one system call and nothing else. Life cycle: construct, Start, use, destroy outside of the
// listener's calls. Thread rule: its shard.
class SocketChannel final : private runtime::FdHandler {
 public:
  // The socket is connected and non-blocking. Without `tls` in clear.
  SocketChannel(runtime::Shard& shard, base::UniqueFd fd, std::unique_ptr<rpc::TlsClient> tls,
                ChannelListener& listener);
  SocketChannel(const SocketChannel&) = delete;
  SocketChannel& operator=(const SocketChannel&) = delete;
  ~SocketChannel();

  Status Start();
  // Takes from the front of `bytes` as much as the system does at once, and says how much. Nothing
  // before the TLS handshake is done. When it is not all, OnRoom follows; OnLost is only ever
  // called from the loop, so after an error here too.
  std::size_t Send(std::string_view bytes);
  // Nothing is told any more.
  void Close();
  bool closed() const { return !fd_; }

 private:
  void OnReady(std::uint32_t events) override;
  void Receive();
  void Lose(Error why);
  // How much the system took at once.
  std::size_t SendPlain(std::string_view bytes);
  // Whether everything encrypted has left.
  bool SendCipher();
  void Look(std::uint32_t events);

  runtime::Shard& shard_;
  base::UniqueFd fd_;
  std::unique_ptr<rpc::TlsClient> tls_;
  ChannelListener& listener_;
  std::string cipher_;  // what the socket did not take yet
  std::string plain_;   // decrypted, for the listener
  std::uint32_t looking_ = 0;
  bool owes_room_ = false;  // Send did not take all
};

}  // namespace prism::backends
