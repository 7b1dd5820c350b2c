// PostgreSQL branches as a part of the server: everything that they need, made in order.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include "app/branch_source.h"
#include "app/branch_workshop.h"
#include "app/branching_settings.h"
#include "base/clock.h"
#include "base/status.h"
#include "branching/branches/branch_manager.h"
#include "branching/branches/source.h"
#include "branching/proxy/proxy.h"
#include "rpc/net/listen_socket.h"
#include "rpc/tls/tls_context.h"
#include "runtime/blocking_pool.h"
#include "runtime/shard.h"
#include "telemetry/log.h"

namespace prism::app {

struct Unprivileged;

// Life cycle: Open, Stop (or the destructor), destroy. Thread rule: one control thread that is no
// shard; what says so any thread.
class Branching {
 public:
  // All of it outlives the branches; the shards are running.
  struct Parts {
    const BranchingSettings& settings;
    std::string directory;  // ours, made when missing: journal and run directories
    runtime::ShardPool& shards;
    Clock& clock;
    telemetry::Logger& log;
    std::shared_ptr<const rpc::TlsContext> tls = {};  // speaks "postgresql"; null: none
    const Unprivileged* unprivileged = nullptr;       // null: this process is what it was
  };

  // Opens what branches need, listens, and begins to prepare the state of the source that they
  // start from; who would log in waits until that is done. What fails is tried again, and clients
  // are turned away meanwhile. Errors: NOT_FOUND/USER_NOT_FOUND,
  // FAILED_PRECONDITION/BRANCH_DIRECTORY, those of MakeBranchSource and of what it opens.
  static Result<std::unique_ptr<Branching>> Open(Parts parts, rpc::ListenSocket socket);
  Branching(const Branching&) = delete;
  Branching& operator=(const Branching&) = delete;
  ~Branching();

  // Why clients do not get in yet, or not at all; empty: they do. Any thread.
  std::string problem() const;
  // All branches; none before clients get in. Any thread but a shard.
  std::vector<branching::BranchStatus> List();
  // What branches are made of; nothing before clients get in. Any thread but a shard.
  std::vector<branching::SourceStatus> ListSources();
  // Servers that wait for a branch to be named. Any thread.
  std::size_t spares() const;
  // As branching::BranchManager::refusals.
  std::uint64_t refusals(branching::Quota quota) const;
  // UNAVAILABLE/BRANCHES_NOT_READY until clients get in. Any thread.
  Result<branching::BranchManager*> manager();
  // Any thread.
  const branching::ProxyCounters& counters() const { return proxy_->counters(); }
  // On that shard.
  const branching::EntryTimes& entry_times(int shard) const { return proxy_->entry_times(shard); }
  // Where branches keep their data.
  const std::string& storage_path() const { return parts_.settings.storage_path; }

  // For clients that come from now on, where TLS is offered at all. Any thread.
  void UseTls(std::shared_ptr<const rpc::TlsContext> tls) {
    proxy_->UseTls(branching::MakeProxyTls(std::move(tls)));
  }

  // As branching::Proxy::Drain. Beside what is being prepared.
  bool Drain(MonoNanos deadline);
  // What is being copied is given up. Any thread; not after Stop.
  void Abandon() { manager_->Abandon(); }
  // Ends all sessions; servers go on running. Waits for what is being prepared.
  void Stop();

 private:
  enum class State : std::uint8_t { kPreparing, kReady, kFailed };

  explicit Branching(const Parts& parts);
  Status OpenParts();
  BranchSourceParts SourceParts();
  void MakeManager();
  Status Listen(rpc::ListenSocket socket);
  void Prepare(const std::string& address);
  void NoteFailure(Error error);
  Status StartManager();

  const Parts parts_;
  runtime::BlockingPool preparing_;  // one thread
  std::unique_ptr<BranchWorkshop> workshop_;
  std::unique_ptr<branching::Source> source_;
  std::unique_ptr<branching::BranchManager> manager_;
  std::unique_ptr<branching::Proxy> proxy_;
  std::atomic<std::shared_ptr<const Error>> failure_;  // before state_ says kFailed
  std::atomic<State> state_ = State::kPreparing;
  std::binary_semaphore stopping_{0};  // ends the wait for the next try
  std::atomic<bool> draining_ = false;
  bool stopped_ = false;
};

// Whether the name matches one of the patterns, in which * stands for any text.
bool MatchesAny(const std::vector<std::string>& patterns, std::string_view name);
// Whether a rule is for the user and for the name, as it is compared or as it was spelled.
bool MayCreate(const std::vector<namespaces::AutoCreateRule>& rules,
               const branching::EntryRequest& request);

}  // namespace prism::app
