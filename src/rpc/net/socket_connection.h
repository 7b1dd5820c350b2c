// A socket on a shard with the gRPC connection on it: reads once per readiness, writes once per
// turn.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "rpc/call/call_connection.h"
#include "rpc/net/connection_counters.h"
#include "rpc/net/connection_order.h"
#include "rpc/net/fair_queue.h"
#include "rpc/tls/server_tls.h"
#include "runtime/shard.h"

namespace prism::rpc {

class ServerShard;

// Life cycle: made and owned by ServerShard; asks it for its own end. Holds no buffers while idle:
// reading goes through a buffer of the shard, and only what the socket did not take at once is
// kept. Thread rule: its shard.
class SocketConnection final : public ConnectionOrder::Entry,
                               public FairQueue::Entry,
                               private runtime::FdHandler,
                               private runtime::TurnEnd,
                               private runtime::Timer,
                               private OutputListener {
 public:
  // Takes over the connected, non-blocking socket. Without `tls` it is plain text.
  SocketConnection(ServerShard& owner, int fd, std::string peer, std::unique_ptr<TlsSession> tls);
  ~SocketConnection() override;

  // False: the socket could not be watched.
  bool Start();

  CallConnection& calls() { return *calls_; }
  // Why it ends; the first reason that anybody notes is the one.
  void NoteEnd(ConnectionEnd why) {
    if (!end_) end_ = why;
  }
  ConnectionEnd end() const { return end_.value_or(ConnectionEnd::kClient); }
  HttpVersion version() const { return version_; }
  bool secure() const { return secure_; }
  // Refuses further calls, but for what the peer has sent already. False: the connection is over.
  bool FinishDrain();
  // Says goodbye, as far as the socket takes it at once, and ends: another needs the room, or
  // (ENHANCE_YOUR_CALM) the memory.
  void GiveUp(HttpError reason);
  // What it makes the server hold, and since when nothing of it has moved.
  std::size_t held_bytes() const { return calls_->held_bytes() + own_bytes_; }
  MonoNanos held_since() const { return held_since_; }

 private:
  friend class ServerShard;

  void OnReady(std::uint32_t events) override;
  void OnOutput() override;
  void OnRoom() override;
  void OnTurnEnd() override;
  void OnTimer() override;

  // Does what the descriptor was ready for. False: the connection is over, and closed.
  bool Serve();

  // Ends the connection once the peer has ended its side, or after a moment.
  void Linger();
  void Discard();
  void UpdateRank();
  void UpdateHeld();
  std::size_t OwnBytes() const {
    return unsent_.size() + backlog_.size() + calls_->buffered_bytes();
  }
  // What more that is read makes larger.
  std::size_t AskedBytes() const {
    return calls_->asked_bytes() + backlog_.size() + calls_->buffered_bytes();
  }
  // Memory is short, and it is not this one's turn: it must not come to hold more than a little.
  bool restrained() const;
  bool MayRead() const;

  // False: the connection is over.
  bool Read();
  void OnBytes(std::string_view plain);
  void OnCipher(std::string_view bytes);
  void OnTlsState();
  // Unless there is a session, or a reason has been counted.
  void CountFailure(TlsFailure why);
  void EndHandshake();
  bool OnPeerEnd();
  void NoteVersion();
  std::string_view Feed(std::string_view bytes);
  void FeedBacklog();
  void FeedAll();
  bool Write();
  // False: nothing more can be encrypted.
  bool Encrypt(std::string& bytes);
  // False: our last word has not left yet.
  bool SaidGoodbye();
  bool Send(std::string& bytes);
  void CloseHard();
  void UpdateInterest();
  void NoteStuck();
  std::uint64_t taken() const;

  // The timer looks at the connection at this time, if not earlier.
  void LookBy(MonoNanos when);
  // What the timer looks at: each ends or asks what is due, and answers when to look again.
  bool IsGivenUp(MonoNanos now);
  MonoNanos CheckRequests(MonoNanos now);
  MonoNanos CheckAge(MonoNanos now);
  MonoNanos CheckSilence(MonoNanos now);

  ServerShard& owner_;
  int fd_;
  std::unique_ptr<TlsSession> tls_;  // null: plain text
  std::unique_ptr<CallConnection> calls_;
  std::string unsent_;
  std::string backlog_;  // what was read and has to wait for its turn
  MonoNanos last_read_;
  std::uint64_t calls_seen_ = 0;  // when the rank was last looked at
  std::uint64_t moved_seen_ = 0;
  MonoNanos held_since_;
  std::size_t asked_least_ = 0;  // AskedBytes() since memory is short
  std::size_t own_bytes_ = 0;    // in the shard's account, beside what the calls hold
  std::size_t discarded_ = 0;    // while lingering
  MonoNanos next_look_ = 0;
  MonoNanos half_closed_until_ = 0;  // the peer has ended its side and waits for its answers
  MonoNanos stuck_since_ = 0;        // the socket takes no more, and how much it had taken then
  std::uint64_t stuck_taken_ = 0;
  std::uint64_t sent_ = 0;
  MonoNanos age_due_ = 0;  // the next step of the end by age
  std::uint32_t interest_ = 0;
  std::uint8_t age_steps_ = 0;
  std::uint32_t ready_ = 0;   // events that wait for its turn
  bool ending_ = false;       // nothing more is read; closed when everything is sent
  bool broken_ = false;       // the socket takes nothing any more
  bool lingering_ = false;    // everything is sent and our side is closed
  bool secured_ = false;      // the TLS handshake is over
  bool handshaking_ = false;  // and counts as such
  bool failed_ = false;       // and why has been counted
  bool received_ = false;     // anything at all, decrypted
  bool ping_sent_ = false;    // and not answered
  bool writing_ = false;      // in Write
  bool more_output_ = false;  // the rest is for the next turn
  const bool secure_;         // speaks TLS
  HttpVersion version_ = HttpVersion::kNone;  // as it has been counted
  std::optional<ConnectionEnd> end_;
  SocketConnection* next_ = nullptr;
  SocketConnection* prev_ = nullptr;
};

}  // namespace prism::rpc
