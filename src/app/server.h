// The composition root of `prism serve`: the core, its system services and its listeners.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/admin_pages.h"
#include "app/core.h"
#include "app/ready_file.h"
#include "app/settings.h"
#include "app/sockets.h"
#include "namespaces/snapshot.h"
#include "telemetry/log.h"

namespace prism::app {

struct Unprivileged;

// Life cycle: construct, Start, then Reload and Tidy as they come, Drain, destroy (which stops at
// once whatever is left). Thread rule: one control thread.
class Server {
 public:
  // What a snapshot and everything that goes before it amount to.
  using Decide = std::function<Result<ServerSettings>(const namespaces::Snapshot&)>;

  // What is referred to outlives the server. `settings` are decide's for the first snapshot.
  Server(const ServerSettings& settings, Decide decide, namespaces::SnapshotSource& source,
         telemetry::Logger& log);
  ~Server();

  // Waits a moment; false: it is no use to wait any more.
  using Pause = std::function<bool()>;

  // Serves the snapshot. UNAVAILABLE/ADDRESS_IN_USE and the errors of the backends; nothing is left
  // running then. With sockets that were handed over it waits, as long as a drain may take, for the
  // data that its predecessor still has: clients wait in the queue meanwhile.
  Result<Addresses> Start(const namespaces::Snapshot& snapshot, const Pause& pause);
  // Reads the source again. What is wrong is logged, and everything stays as it is.
  void Reload();
  // The text of the first token, if Start has made it: for people, and nowhere else. Once.
  std::optional<std::string> TakeFirstToken();
  void Tidy();
  // Takes no new calls and ends when those in flight have ended, at the latest after drain_timeout;
  // then drained() holds and `done` is called, on a thread of the pool. Once.
  void Drain(std::function<void()> done);
  bool drained() const { return drained_.load(); }
  runtime::ShardPool& shards();

 private:
  struct Listeners;

  // What a reload is about to serve.
  struct Next {
    std::shared_ptr<const namespaces::Snapshot> snapshot;
    std::shared_ptr<const rpc::TlsContext> tls;
    std::shared_ptr<const rpc::TlsContext> branch_tls;
    rpc::CorsSettings cors;
    std::vector<std::string> admins;
  };

  Status OpenData(const namespaces::Snapshot& snapshot, const Sockets& sockets, const Pause& pause);
  Status OpenBranches(rpc::ListenSocket socket);
  Status Accept(Sockets sockets);
  Status AcceptAdmin(std::vector<rpc::ListenSocket> sockets);
  void SetHealth(rpc::HealthService::ServingStatus status);
  void ReportTidied(const Status& tidied);
  void ReportAccess();
  Result<Next> Read();
  Status Apply(Next next);
  void UseTls(std::shared_ptr<const rpc::TlsContext> tls);
  void UseCors(rpc::CorsSettings cors);

  const ServerSettings settings_;
  Decide decide_;
  namespaces::SnapshotSource& source_;
  telemetry::Logger& log_;
  std::string reload_noted_;  // the options of the file that wait for a restart, as told last
  Lifecycle lifecycle_;
  std::shared_ptr<const rpc::TlsContext> tls_;  // of new connections; null: plain text
  rpc::CorsSettings cors_;                      // as it is served
  std::unique_ptr<Unprivileged> unprivileged_;  // null: this process is what it was at its start
  std::unique_ptr<Listeners> listeners_;
  std::atomic<bool> drained_ = false;
  std::atomic<bool> hurry_ = false;  // the drain is to end now
};

}  // namespace prism::app
