// The clients of one shard, and what they share.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "branching/pgwire/branch_naming.h"
#include "branching/pgwire/cancel_keys.h"
#include "branching/proxy/branch_host.h"
#include "branching/proxy/gate.h"
#include "branching/proxy/hello.h"
#include "branching/proxy/session.h"
#include "runtime/shard.h"
#include "runtime/task_group.h"
#include "runtime/wait.h"
#include "telemetry/histogram.h"
#include "telemetry/log.h"

namespace prism::branching {

struct ProxyLimits {
  // Clients that have logged in, on all listeners together; more are told so (53300).
  int max_connections = 1000;
  // From the first byte to the password: PostgreSQL's authentication_timeout.
  MonoNanos handshake_timeout = 60 * kNanosPerSecond;
  // How long a client waits for its branch (57P03 then).
  MonoNanos hold_timeout = 30 * kNanosPerSecond;
  // Of one shard, those that have not proven who they are: beyond it whoever has been one longest
  // is given up.
  int max_strangers = 512;
};

struct ProxyNaming {
  std::string domain;                        // see ReadBranchRequest
  std::optional<BranchName> default_branch;  // of connections that name none
};

// Any thread.
struct ProxyCounters {
  std::atomic<int> connections = 0;  // all, strangers too
  std::atomic<int> clients = 0;      // those that have logged in
  std::atomic<std::uint64_t> accepted = 0;
  std::atomic<std::uint64_t> accept_pauses = 0;  // for want of descriptors
  std::atomic<std::uint64_t> refused = 0;        // told why
  std::atomic<std::uint64_t> given_up = 0;       // strangers, for others
  std::atomic<std::uint64_t> cancels = 0;        // requests that were passed on
};

// From the login of a client to its first query, by what had to be done.
using EntryTimes = std::array<telemetry::DurationHistogram, kEntryWays>;

class ProxyShard;

// What all shards share.
struct ProxyContext {
  BranchHost& host;
  Clock& clock;
  telemetry::Logger& logger;
  ProxyNaming naming;
  ProxyLimits limits;
  ProxyCounters counters = {};
  std::span<const std::unique_ptr<ProxyShard>> shards = {};
};

// Life cycle: construct, Adopt sockets, perhaps BeginDrain, Stop, destroy when no other shard looks
// for keys here. Thread rule: its shard.
class ProxyShard {
 public:
  // `index`: its place in context.shards.
  ProxyShard(runtime::Shard& shard, ProxyContext& context, int index);
  ProxyShard(const ProxyShard&) = delete;
  ProxyShard& operator=(const ProxyShard&) = delete;

  // Serves a connected, non-blocking socket from now on.
  void Adopt(base::UniqueFd fd, std::string peer, HelloRules rules);
  // Clients that are here or on their way. Any thread.
  int load() const { return load_.load(std::memory_order_relaxed); }
  void ExpectOne();
  // Lets nobody in any more, and ends each session outside of its transactions.
  void BeginDrain();
  bool draining() const { return draining_; }
  // Completes when nobody is here any more, at the latest at `deadline`. For a second those who
  // have not logged in yet may hear why they can't; then they are ended.
  runtime::Task<void> WaitUntilEmpty(MonoNanos deadline);
  // Ends all sessions; completes when they have gone.
  runtime::Task<void> Stop();

  runtime::Shard& shard() { return shard_; }
  ProxyContext& context() { return context_; }
  StreamBuffers& buffers() { return *buffers_; }
  Gate& gate() { return gate_; }
  const EntryTimes& entry_times() const { return entry_times_; }

 private:
  friend class Session;

  static runtime::Task<void> Serve(std::unique_ptr<Session> session);
  void Link(Session& session);
  void Unlink(Session& session);
  void GiveUpOldestStranger();
  // False: there are too many.
  bool AdmitClient();
  void LoseOne();
  void EndStrangers();
  void NoteEntry(EntryWay way, MonoNanos took) {
    entry_times_[static_cast<std::size_t>(way)].Observe(took);
  }

  Result<CancelKey> MintKey(Session& session, std::uint32_t version);
  void RemoveKey(std::uint32_t process_id) { keys_.Remove(process_id); }
  std::optional<CancelTarget> FindKey(const StartupParser::Cancel& request) const;
  // On whichever shard the session is.
  runtime::Task<std::optional<CancelTarget>> FindCancelTarget(StartupParser::Cancel request);

  runtime::Shard& shard_;
  ProxyContext& context_;
  CancelKeys keys_;
  std::unique_ptr<StreamBuffers> buffers_ = std::make_unique<StreamBuffers>();
  Gate gate_;
  runtime::TaskGroup sessions_;
  Session* oldest_ = nullptr;
  Session* newest_ = nullptr;
  int strangers_ = 0;
  std::atomic<int> load_ = 0;
  runtime::Event empty_;  // in a drain
  MonoNanos strangers_until_ = 0;
  bool draining_ = false;
  bool stopping_ = false;
  EntryTimes entry_times_ = {};
};

}  // namespace prism::branching
