// The connections of one shard.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>

#include "rpc/call/call_shard.h"
#include "rpc/net/connection_counters.h"
#include "rpc/net/connection_order.h"
#include "rpc/net/fair_queue.h"
#include "rpc/net/socket_connection.h"
#include "rpc/tls/tls_counters.h"
#include "runtime/lean_memory.h"
#include "runtime/shard.h"
#include "runtime/timer_wheel.h"
#include "runtime/wait.h"

namespace prism::rpc {

// A connected socket on its way to its shard.
struct NewSocket {
  int fd = -1;
  std::string peer;
  bool secure = false;                      // speaks TLS
  std::shared_ptr<const LocalHosts> hosts;  // null: requests may name any
};

// Life cycle: owned by the Server; Stop must have completed on the shard before it is destroyed.
// Thread rule: its shard, except load().
class ServerShard final : private runtime::Timer {
 public:
  ServerShard(runtime::Shard& shard, Dispatcher& dispatcher, const ServerLimits& limits, Cors cors,
              TlsCounters& tls_counters);
  ServerShard(const ServerShard&) = delete;
  ServerShard& operator=(const ServerShard&) = delete;
  ~ServerShard() override;

  // How many connections are here or on their way. Any thread: the acceptor compares shards by it.
  int load() const { return load_.load(std::memory_order_relaxed); }
  // Connections that were given up for others. Any thread.
  std::uint64_t given_up() const { return given_up_.load(std::memory_order_relaxed); }
  // Connections that were closed for what they made the server hold. Any thread.
  std::uint64_t relieved() const { return relieved_.load(std::memory_order_relaxed); }
  // Of the connections that are or were here. Read on any thread.
  ConnectionCounters& counters() { return counters_; }
  const ConnectionCounters& counters() const { return counters_; }
  void ExpectOne() { load_.fetch_add(1, std::memory_order_relaxed); }

  // What connections begin with from now on.
  void UseTls(std::shared_ptr<const TlsContext> tls) { tls_ = std::move(tls); }
  // Takes over a socket that ExpectOne announced.
  void Adopt(NewSocket socket);
  // The same in place of whoever is missed least. False: there is nobody, and the socket is not
  // expected here any more.
  bool AdoptInstead(const NewSocket& socket);
  // Tells every client to go elsewhere; calls in flight go on.
  void AnnounceDrain();
  // Completes when there are no connections any more, or at the deadline. A client that does not
  // answer the announcement within kAnswerTime may open no more calls.
  runtime::Task<void> WaitUntilEmpty(MonoNanos deadline);
  // Ends all connections and waits for their tasks.
  runtime::Task<void> Stop();

  runtime::Shard& shard() { return shard_; }
  CallShard& calls() { return calls_; }
  std::span<char> read_buffer();
  ConnectionOrder& order() { return order_; }
  // OpenSSL works on a handshake. Above kMaxHandshakes the oldest that is not over is given up: a
  // client who means it needs two round trips.
  void BeginHandshake(SocketConnection& connection);
  void EndHandshake() { --handshakes_; }
  std::span<char> plain_buffer();
  // The connections of this turn have kept the shard busy for so long that others notice: those
  // that are still to come have to wait for their turns.
  bool crowded() const;
  void Defer(SocketConnection& connection);
  // The shard has worked for this connection since the last Charge of this turn.
  void Charge(SocketConnection& connection);
  std::string& write_buffer() { return write_buffer_; }
  std::string& cipher_buffer() { return cipher_buffer_; }
  TlsCounters& tls_counters() { return tls_counters_; }
  void Close(SocketConnection& connection);
  // Up to a tenth more or less, so that what began together does not end together.
  MonoNanos Jittered(MonoNanos time);

  // A client that is told of a drain may have calls under way for so long.
  static constexpr MonoNanos kAnswerTime = kNanosPerSecond;
  // At the end of the turn of the loop, while memory is short: who may go on, and who must go.
  void LookAtMemory() {
    if (calls_.memory().busy() || lean_) shard_.AtTurnEnd(relief_);
  }

 private:
  static constexpr std::size_t kReadBytes = 64 * 1024;
  // Each takes 42 KB, more than twice of what an idle connection may.
  static constexpr int kMaxHandshakes = 1024;
  // What a connection may bring at once while others wait: it bounds how long they do.
  static constexpr std::size_t kCrowdedReadBytes = 4 * 1024;
  static constexpr MonoNanos kCrowded = kNanosPerMilli;
  // Then the shard looks who else is there.
  static constexpr MonoNanos kSlice = 4 * kNanosPerMilli;
  // The allocator keeps nothing for so long after memory was short.
  static constexpr MonoNanos kLeanTime = 100 * kNanosPerMilli;

  class Relief final : public runtime::TurnEnd, public runtime::Timer {
   public:
    explicit Relief(ServerShard& shard) : shard_(shard) {}
    void OnTurnEnd() override { shard_.ShareMemory(); }
    void OnTimer() override { shard_.LookAtMemory(); }

   private:
    ServerShard& shard_;
  };

  void OnTimer() override;
  void ShareMemory();
  void KeepLean(MonoNanos now);
  void RelieveIfNeeded(MonoNanos now);
  // Closes connections until so much is held. `still_since`: only those that hold up others, by
  // what has not moved since then.
  void Relieve(std::size_t until, MonoNanos still_since);

  runtime::Shard& shard_;
  CallShard calls_;
  std::atomic<int> load_ = 0;
  std::atomic<std::uint64_t> given_up_ = 0;
  std::atomic<std::uint64_t> relieved_ = 0;
  ConnectionCounters counters_;
  std::unique_ptr<char[]> read_buffer_;  // made with the first connection
  std::string write_buffer_;
  std::unique_ptr<char[]> plain_buffer_;  // of TLS, with its first connection
  std::string cipher_buffer_;
  std::shared_ptr<const TlsContext> tls_;
  TlsCounters& tls_counters_;
  SocketConnection* head_ = nullptr;
  ConnectionOrder order_;
  int handshakes_ = 0;
  FairQueue waiting_;
  Relief relief_{*this};
  std::optional<runtime::LeanMemory> lean_;
  MonoNanos lean_until_ = 0;
  MonoNanos shared_at_ = 0;     // the last turn in which memory was shared out
  MonoNanos relieve_next_ = 0;  // when to look again for those that stand still
  MonoNanos turn_ = 0;          // the last turn in which anything was charged
  MonoNanos charged_ = 0;       // until when
  MonoNanos spent_before_ = 0;  // on connections in the turn before that
  runtime::Event empty_;
  bool draining_ = false;
  MonoNanos answers_until_ = 0;  // of a drain
  bool stopping_ = false;
  std::minstd_rand random_;
};

}  // namespace prism::rpc
