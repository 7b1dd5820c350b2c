// Everything that the request path touches on one shard. No locks and no shared writes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "contract/call_context.h"
#include "gateway/call_log.h"
#include "gateway/metrics.h"
#include "gateway/queue_delay.h"
#include "gateway/rate_limit.h"
#include "gateway/routing_table.h"
#include "gateway/slow_log.h"
#include "rpc/server.h"
#include "runtime/shard.h"
#include "runtime/timer_wheel.h"
#include "security/caller_rights.h"
#include "security/guard.h"

namespace prism::gateway {

// A stream that ends when the configuration of its namespace has changed, and when its caller may
// no longer do what the stream does. Lives in the frame of its call, linked while the call runs.
class LiveStream {
 public:
  explicit LiveStream(rpc::ServerCall& call) : call_(call) {}
  LiveStream(const LiveStream&) = delete;
  LiveStream& operator=(const LiveStream&) = delete;
  ~LiveStream() { Unlink(); }

  void Link(LiveStream*& head);
  void Unlink();
  LiveStream* next() { return next_; }

  // On the admin port: what the call may by its rights, which follow each guard while it runs.
  void Follow(security::CallerRights& rights) { rights_ = &rights; }
  // What is left of the caller's rights under another guard, or at another time.
  Status Judge(const std::shared_ptr<const security::Guard>& guard, WallMillis now);
  // `why` is told to the client; nullopt: that the namespace has changed. May end the call at once,
  // and with it this object.
  void End(std::optional<Error> why);
  // What End was told, if it was called with it.
  const std::optional<Error>& why() const { return why_; }

 private:
  Status JudgeRights(const std::shared_ptr<const security::Guard>& guard, WallMillis now);

  rpc::ServerCall& call_;
  security::CallerRights* rights_ = nullptr;
  std::optional<Error> why_;
  LiveStream** head_ = nullptr;
  LiveStream* next_ = nullptr;
  LiveStream* prev_ = nullptr;
};

// One namespace as a shard uses it: made at its first call, kept until the configuration of the
// namespace changes and its last call has ended.
class BoundNamespace final : private runtime::Timer {
 public:
  BoundNamespace(std::shared_ptr<const NamespaceEntry> entry, NamespaceMetrics& metrics,
                 int shards);

  const NamespaceEntry& entry() const { return *entry_; }
  const std::shared_ptr<const NamespaceEntry>& shared_entry() const { return entry_; }
  bool TakeToken(MonoNanos now) { return lease_.Take(entry_->bucket, now); }
  bool full() const { return in_flight_ >= max_in_flight_; }

  NamespaceMetrics& metrics() { return *metrics_; }
  std::uint64_t in_flight() const { return in_flight_; }
  LiveStream*& streams() { return streams_; }

 private:
  friend class ShardState;
  // The grace of streams on a changed namespace is over.
  void OnTimer() override;

  std::shared_ptr<const NamespaceEntry> entry_;
  NamespaceMetrics* metrics_;
  RateLease lease_;
  std::uint64_t in_flight_ = 0;
  std::uint64_t max_in_flight_;
  bool retired_ = false;
  LiveStream* streams_ = nullptr;
};

// Life cycle: made before its shard starts, destroyed after it was joined. Thread rule: its shard.
class ShardState final : private runtime::TurnEnd {
 public:
  struct Options {
    QueueDelay::Options queue_delay;
    MonoNanos rebind_grace = 30 * kNanosPerSecond;
    MonoNanos slow_threshold = kNanosPerSecond;  // 0: no call is slow
  };

  ShardState(runtime::Shard& shard, int shards, std::size_t methods, const Options& options,
             telemetry::Logger& log, std::shared_ptr<const security::Guard> guard);

  // The newest table. Namespaces that are not the same in it are let go.
  void Install(std::shared_ptr<const RoutingTable> table);
  const std::shared_ptr<const RoutingTable>& table() const { return table_; }

  // Who is let in from the next call on. Streams whose callers may no longer end now.
  void Use(std::shared_ptr<const security::Guard> guard, WallMillis now);
  const security::Guard& guard() const { return *guard_; }
  const std::shared_ptr<const security::Guard>& shared_guard() const { return guard_; }

  // Time that never lags more than one call: the turn's, or the end of the call before.
  MonoNanos now() const { return now_ > shard_.turn_time() ? now_ : shard_.turn_time(); }
  void Advance(MonoNanos now) { now_ = now; }

  // A complete call begins. True: the shard is overloaded and this one has waited too long.
  bool ShouldShed();
  // A request was answered with an error before it was served; see rpc::Dispatcher::OnRefused.
  void NoteRefused(const contract::MethodInfo* method, rpc::ServerCall& call, const Error& error);
  void CountRejection(Rejection why) { ++rejected_[static_cast<std::size_t>(why)]; }

  // nullptr: there is no such namespace.
  BoundNamespace* Resolve(std::string_view name) {
    if (last_ != nullptr && last_->entry().config.name == name) return last_;
    return ResolveSlow(name);
  }
  void Enter(BoundNamespace& ns) { ++ns.in_flight_; }
  void Leave(BoundNamespace& ns) {
    if (--ns.in_flight_ == 0 && ns.retired_) [[unlikely]] {
      Drop(ns);
    }
  }
  void EnterCall() { ++in_flight_; }
  void LeaveCall() { --in_flight_; }

  // In no namespace: those of the admin port, and those that wait for a change of a namespace.
  LiveStream*& streams() { return streams_; }

  MethodMetrics& method_metrics(std::uint32_t ordinal) { return methods_[ordinal]; }
  ProtocolMetrics& protocols() { return protocols_; }
  SlowLog& slow_log() { return slow_log_; }
  const SlowLog& slow_log() const { return slow_log_; }
  CallLog& call_log() { return call_log_; }
  ShardSample Sample() const;

 private:
  BoundNamespace* ResolveSlow(std::string_view name);
  void Retire(std::unique_ptr<BoundNamespace> ns);
  void Drop(BoundNamespace& ns);
  void OnTurnEnd() override;

  runtime::Shard& shard_;
  const int shards_;
  const Options options_;
  std::shared_ptr<const RoutingTable> table_;
  std::shared_ptr<const security::Guard> guard_;
  BoundNamespace* last_ = nullptr;  // the one resolved last: most calls name it again
  // Keys are views of the names in the entries.
  std::unordered_map<std::string_view, std::unique_ptr<BoundNamespace>> bound_;
  std::vector<std::unique_ptr<BoundNamespace>> retired_;
  LiveStream* streams_ = nullptr;
  std::unordered_map<std::string, NamespaceMetrics> namespace_metrics_;
  NamespaceMetrics removed_metrics_;
  std::vector<MethodMetrics> methods_;
  ProtocolMetrics protocols_;
  SlowLog slow_log_;
  CallLog call_log_;
  std::array<std::uint64_t, kRejectionNames.size()> rejected_{};
  QueueDelay queue_delay_;
  MonoNanos now_ = 0;
  MonoNanos last_turn_busy_ = 0;
  std::uint32_t turn_calls_ = 0;  // that have begun in this turn
  std::uint32_t last_turn_calls_ = 0;
  std::uint64_t in_flight_ = 0;
};

}  // namespace prism::gateway
