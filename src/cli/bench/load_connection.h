// One connection of a load run: sends pre-built requests, pairs the answers with them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "cli/bench/wire.h"
#include "cli/bench/workload.h"
#include "rpc/client/client_tls.h"

namespace prism::cli {

// How one request ended.
struct BenchOutcome {
  BenchRequest request;
  MonoNanos start = 0;       // when it was sent, or should have been sent (open loop)
  int grpc_status = -1;      // -1: the stream ended without a status
  std::string_view message;  // response message, only of checked requests
};

class OutcomeHandler {
 public:
  virtual void OnOutcome(const BenchOutcome& outcome) = 0;
  // The server has not touched the request (RFC 9113 section 6.8): it may be sent again.
  virtual void OnRefused(const BenchRequest& request, MonoNanos start) = 0;

 protected:
  ~OutcomeHandler() = default;
};

// Non-blocking socket; one thread. Errors are final: a run with a broken connection is void. With
// `follow` a GOAWAY is none: no more is sent, and once nothing is in flight the connection is to be
// replaced.
class LoadConnection {
 public:
  // Without `tls` it speaks plain text.
  LoadConnection(std::string authority, std::uint32_t max_in_flight,
                 const std::optional<rpc::ClientTlsOptions>& tls, bool follow = false);
  LoadConnection(const LoadConnection&) = delete;
  LoadConnection& operator=(const LoadConnection&) = delete;
  ~LoadConnection();

  // Connects to "host:port" (numeric host or localhost) and queues the preface, behind the TLS
  // handshake when that is asked for. Blocks for the connection, not for the handshake.
  Status Connect();
  int fd() const { return fd_; }
  std::uint32_t in_flight() const { return in_flight_; }
  bool CanSend() const {
    return in_flight_ < max_in_flight_ && !leaving_ &&
           send_window_ > 2 * static_cast<std::int64_t>(kMaxBenchMessage);
  }
  bool wants_write() const { return !out_.empty() || !cipher_out_.empty(); }
  bool has_left() const { return leaving_ && in_flight_ == 0; }

  void Send(const BenchRequest& request, MonoNanos start);
  // Writes what is queued, as far as the socket takes it.
  Status Flush();
  // Reads once, at most as much as `buffer` holds (a frame must fit), and reports the finished
  // requests; handler may call Send.
  Status Receive(std::span<char> buffer, OutcomeHandler& handler);

 private:
  struct Slot {
    BenchRequest request;
    MonoNanos start = 0;
    std::uint32_t stream = 0;  // 0: free
    std::string body;
    bool status_seen = false;
    int grpc_status = -1;
  };

  // Sends from the front of `bytes` what the socket takes.
  Status SendSome(std::string& bytes);
  Slot* Find(std::uint32_t stream);
  Slot& Claim(std::uint32_t stream);
  Status OnFrame(const FrameHeader& frame, std::string_view payload, OutcomeHandler& handler);
  Status OnHeaders(const FrameHeader& frame, std::string_view payload, OutcomeHandler& handler);
  Status OnGoaway(std::string_view payload, OutcomeHandler& handler);
  Status OnSettings(const FrameHeader& frame, std::string_view payload);
  void OnData(const FrameHeader& frame, std::string_view payload, OutcomeHandler& handler);
  void Finish(Slot& slot, OutcomeHandler& handler);

  std::string authority_;
  std::uint32_t max_in_flight_;
  bool follow_;
  bool leaving_ = false;
  const std::optional<rpc::ClientTlsOptions>& tls_options_;
  std::unique_ptr<rpc::TlsClient> tls_;
  int fd_ = -1;
  std::string out_;
  std::string cipher_out_;
  std::string in_;  // the incomplete frame at the end of the last read
  HeaderEncoder encoder_;
  HeaderDecoder decoder_;
  std::vector<Slot> slots_;  // by stream number, modulo a power of two
  std::uint32_t next_stream_ = 1;
  std::uint32_t in_flight_ = 0;
  std::int64_t send_window_ = 65'535;
  std::int64_t unacknowledged_ = 0;  // received body bytes since the last connection WINDOW_UPDATE
};

}  // namespace prism::cli
