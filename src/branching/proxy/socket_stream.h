// A connected stream socket on a shard, in clear or as a TLS server, read and written by
// coroutines.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "rpc/tls/server_tls.h"
#include "runtime/cancel.h"
#include "runtime/shard.h"
#include "runtime/task.h"
#include "runtime/wait.h"

namespace prism::branching {

// What the streams of a shard read into and encrypt in. Nothing stays in it across a suspension, so
// that an idle stream holds no memory for bytes.
struct StreamBuffers {
  static constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
  // Of a record that TLS has begun to collect (RFC 8446 section 5.2).
  static constexpr std::size_t kRecordBytes = std::size_t{17} * 1024;

  std::array<char, kReadBytes> read;
  // Whatever was read fits in here decrypted: no ciphertext stays behind.
  std::array<char, kReadBytes + kRecordBytes> plain;
  std::string encrypted;
};

// Where a wait ends when nothing comes.
struct Until {
  MonoNanos deadline = runtime::kNoDeadline;
  runtime::CancelSource* cancel = nullptr;
};

// At most one coroutine reads and one writes. Errors of all waits: UNAVAILABLE/CONNECTION_LOST,
// DEADLINE_EXCEEDED/CONNECTION_DEADLINE, CANCELLED/CANCELLED, UNAUTHENTICATED/TLS_FAILED. Life
// cycle: construct, Start, use, destroy when nobody waits in it. Thread rule: its shard.
class SocketStream final : private runtime::FdHandler {
 public:
  // The socket is connected and non-blocking. The buffers outlive the stream.
  SocketStream(runtime::Shard& shard, StreamBuffers& buffers, base::UniqueFd fd);
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;
  ~SocketStream();

  Status Start();
  // From here on the peer speaks TLS, beginning with `seen`, which has been read already.
  runtime::Task<Status> StartTls(std::shared_ptr<const rpc::TlsContext> context, std::string seen,
                                 Until until);
  // What has come; empty: the peer has ended its side. The bytes stay until the next suspension.
  runtime::Task<Result<std::string_view>> Read(Until until);
  // Completes when the system has taken everything.
  runtime::Task<Status> Write(std::string_view bytes, Until until);
  // The peer sees the end of what was written; it may go on sending.
  runtime::Task<Status> EndOutput(Until until);
  // Completes when the peer has ended its side or is lost; what it has sent stays unread.
  runtime::Task<Status> WaitUntilGone(Until until);

  int fd() const { return fd_.get(); }
  // nullptr: in clear.
  const rpc::TlsSession* tls() const { return tls_.get(); }

 private:
  void OnReady(std::uint32_t events) override;
  // Which events are looked at from now on.
  Status Look(std::uint32_t events);
  runtime::Task<Status> WaitFor(std::uint32_t event, Until until);
  runtime::Task<Result<std::string_view>> ReadSocket(Until until);
  runtime::Task<Status> WriteSocket(std::string_view bytes, Until until);
  // How much the system took at once.
  Result<std::size_t> Send(std::string_view bytes);
  // What TLS answers by itself (alerts, keys) goes out in the order in which it was made.
  Status SendOwed();

  runtime::Shard& shard_;
  StreamBuffers& buffers_;
  base::UniqueFd fd_;
  std::unique_ptr<rpc::TlsSession> tls_;
  std::string early_;  // plaintext that came with the end of the TLS handshake
  std::string owed_;   // ciphertext that waits for the write under way
  runtime::Event readable_;
  runtime::Event writable_;
  std::uint32_t looking_ = 0;  // at these events
  std::uint32_t awaited_ = 0;  // by coroutines
  bool writing_ = false;
};

}  // namespace prism::branching
