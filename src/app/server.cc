#include "app/server.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "app/admin_api.h"
#include "app/branch_administrator.h"
#include "app/branch_port.h"
#include "app/branching.h"
#include "app/notify.h"
#include "app/privileges.h"
#include "app/sockets.h"
#include "app/unprivileged.h"
#include "rpc/call/local_hosts.h"
#include "rpc/net/call_server.h"
#include "security/access.h"

namespace prism::app {

namespace {

// How long a drain goes on unnoticed when it is told to hurry.
constexpr MonoNanos kDrainStep = 50 * kNanosPerMilli;
// How long a predecessor may take to close its data, beyond its drain.
constexpr MonoNanos kHandoverTime = 10 * kNanosPerSecond;

std::string FormatUtc(std::time_t time) { return fmt::format("{:%FT%TZ}", fmt::gmtime(time)); }

// Of the admin port: people, scrapers and probes, not a crowd of clients.
rpc::ServerLimits AdminLimits() {
  rpc::ServerLimits limits;
  limits.max_connections = 256;
  limits.max_concurrent_streams = 100;
  limits.idle_timeout = 300 * kNanosPerSecond;
  return limits;
}

// Who asks callers for a token has nothing to fear of pages, which have none; and what other
// machines reach goes by whatever name they have for it.
std::shared_ptr<const rpc::LocalHosts> HostsOf(const rpc::ListenSocket& socket,
                                               const ServerSettings& settings,
                                               std::string_view listen) {
  if (settings.authentication || !IsLoopback(socket.address())) return nullptr;
  return std::make_shared<const rpc::LocalHosts>(listen);
}

// Clients of PostgreSQL log in with their passwords: none is asked for a certificate.
Result<std::shared_ptr<const rpc::TlsContext>> LoadBranchTls(rpc::TlsOptions options) {
  options.client_ca.clear();
  options.protocols = {"postgresql"};
  return rpc::TlsContext::Load(options);
}

// Names of the options that differ and take effect only at a start.
std::vector<std::string_view> NeedRestart(const ServerSettings& was, const ServerSettings& is) {
  std::vector<std::string_view> names;
  const auto compare = [&names](std::string_view name, const auto& a, const auto& b) {
    if (a != b) names.push_back(name);
  };
  compare("listen", was.listen, is.listen);
  compare("admin_listen", was.admin_listen, is.admin_listen);
  compare("data_dir", was.data_dir, is.data_dir);
  compare("user", was.user, is.user);
  compare("shards", was.shards, is.shards);
  compare("drain_timeout", was.drain_timeout, is.drain_timeout);
  compare("rebind_grace", was.rebind_grace, is.rebind_grace);
  compare("queue_delay_target", was.queue_delay_target, is.queue_delay_target);
  compare("log_format", was.log_format, is.log_format);
  compare("security.authentication", was.authentication, is.authentication);
  compare("tls", was.tls.has_value(), is.tls.has_value());
  compare("backup.dir", was.backup_dir, is.backup_dir);
  compare("backup.keep_days", was.backup_keep_days, is.backup_keep_days);
  compare("memory.max_bytes", was.memory_max_bytes, is.memory_max_bytes);
  compare("branching", was.branching, is.branching);
  compare("max_connections", was.limits.max_connections, is.limits.max_connections);
  compare("max_concurrent_streams", was.limits.max_concurrent_streams,
          is.limits.max_concurrent_streams);
  compare("max_header_list_bytes", was.limits.max_header_list_bytes,
          is.limits.max_header_list_bytes);
  compare("max_message_bytes", was.limits.max_message_bytes, is.limits.max_message_bytes);
  compare("max_unsent_bytes", was.limits.max_unsent_bytes, is.limits.max_unsent_bytes);
  compare("max_buffered_bytes", was.limits.max_buffered_bytes, is.limits.max_buffered_bytes);
  compare("handshake_timeout", was.limits.handshake_timeout, is.limits.handshake_timeout);
  compare("header_timeout", was.limits.header_timeout, is.limits.header_timeout);
  compare("body_timeout", was.limits.body_timeout, is.limits.body_timeout);
  compare("send_timeout", was.limits.send_timeout, is.limits.send_timeout);
  compare("max_connection_age", was.limits.max_connection_age, is.limits.max_connection_age);
  compare("idle_timeout", was.limits.idle_timeout, is.limits.idle_timeout);
  compare("keepalive_time", was.limits.keepalive_time, is.limits.keepalive_time);
  compare("keepalive_timeout", was.limits.keepalive_timeout, is.limits.keepalive_timeout);
  return names;
}

}  // namespace

// In the order in which it is made; it goes the other way round.
struct Server::Listeners {
  Listeners(const ServerSettings& settings, const Lifecycle& lifecycle, telemetry::Logger& log)
      : core(settings, log),
        pages({settings, lifecycle, core.shards(), core.pool(), core.gateway(), core.methods(),
               core.budget(), core.config(), [this] { return data->connection_counts(); },
               [this] { return data->accept_pauses(); }, [this] { return data->crowding(); },
               [this]() -> const rpc::TlsCounters& { return data->tls_counters(); },
               [this] { return admin_api != nullptr ? &admin_api->dispatcher() : nullptr; },
               [this] { return branching.get(); }}) {}

  Core core;
  AdminPages pages;
  SystemClock clock;
  std::unique_ptr<Branching> branching;
  std::unique_ptr<BranchPort> branch_port;
  std::unique_ptr<BranchAdministrator> branch_administrator;
  std::unique_ptr<AdminApi> admin_api;
  std::unique_ptr<rpc::CallServer> data;
  std::unique_ptr<rpc::CallServer> admin;
  bool admin_tls = false;  // the admin port is reached from other machines
};

Server::Server(const ServerSettings& settings, Decide decide, namespaces::SnapshotSource& source,
               telemetry::Logger& log)
    : settings_(settings),
      decide_(std::move(decide)),
      source_(source),
      log_(log),
      cors_(settings.cors),
      listeners_(std::make_unique<Listeners>(settings_, lifecycle_, log)) {}

Server::~Server() {
  lifecycle_.serving = false;
  hurry_ = true;
  Listeners& all = *listeners_;
  if (all.branching != nullptr) all.branching->Abandon();
  if (all.admin_api != nullptr) all.admin_api->StopOperations();
  // A drain that still runs ends at its next step, and the pool with it.
  all.core.pool().Stop();
  all.core.whole_reads().Stop();
  if (all.data != nullptr) all.data->Stop();
  if (all.admin != nullptr) {
    all.admin->Stop();
    ReportTidied(all.admin_api->Stop());
  }
  if (all.branch_port != nullptr) all.branch_port->Stop();
  if (all.branching != nullptr) all.branching->Stop();
  all.core.Stop();
}

runtime::ShardPool& Server::shards() { return listeners_->core.shards(); }

Result<Addresses> Server::Start(const namespaces::Snapshot& snapshot, const Pause& pause) {
  // First what can be refused without a trace, as root when need be; then the data, as the user.
  TRY_ASSIGN(Sockets sockets, OpenSockets(settings_));
  if (NeedsHelper(settings_)) {
    TRY_ASSIGN(unprivileged_, GiveUpRoot(settings_, log_));
  } else if (!settings_.user.empty()) {
    TRY(BecomeUser(settings_.user));
  }
  // As the user who will read them again when they are renewed.
  if (settings_.tls) {
    TRY_ASSIGN(tls_, rpc::TlsContext::Load(*settings_.tls));
  }
  TRY(OpenData(snapshot, sockets, pause));
  Addresses addresses{.data = sockets.data.front().address(),
                      .admin = sockets.admin.front().address(),
                      .postgres = sockets.postgres ? sockets.postgres->address() : ""};
  if (sockets.postgres) TRY(OpenBranches(*std::move(sockets.postgres)));
  TRY(Accept(std::move(sockets)));

  lifecycle_.serving = true;
  SetHealth(::grpc::health::v1::HealthCheckResponse::SERVING);
  log_.Info("listening", {{"data", addresses.data}, {"admin", addresses.admin}});
  ReportAccess();
  NotifyServiceManager(fmt::format("READY=1\nSTATUS=Serving on {}", addresses.data));
  return addresses;
}

Status Server::OpenData(const namespaces::Snapshot& snapshot, const Sockets& sockets,
                        const Pause& pause) {
  const MonoNanos most = settings_.drain_timeout.count() * kNanosPerMilli + kHandoverTime;
  const MonoNanos until = MonotonicNow() + (sockets.inherited() ? most : 0);
  bool told = false;
  return listeners_->core.Start(snapshot, [&] {
    if (MonotonicNow() >= until) return false;
    if (!std::exchange(told, true)) {
      log_.Info("waiting for the predecessor to let go of the data",
                {{"data_dir", settings_.data_dir}});
      NotifyServiceManager(
          fmt::format("STATUS=Waiting for the predecessor to let go of the data\n"
                      "EXTEND_TIMEOUT_USEC={}",
                      most / 1000));
    }
    return pause();
  });
}

Status Server::OpenBranches(rpc::ListenSocket socket) {
  Listeners& all = *listeners_;
  const BranchingSettings& settings = *settings_.branching;
  std::shared_ptr<const rpc::TlsContext> tls;
  if (settings.tls) {
    TRY_ASSIGN(tls, LoadBranchTls(*settings_.tls));
  }
  TRY_ASSIGN(all.branching, Branching::Open({.settings = settings,
                                             .directory = settings_.data_dir + "/branches",
                                             .shards = all.core.shards(),
                                             .clock = all.clock,
                                             .log = log_,
                                             .tls = std::move(tls),
                                             .unprivileged = unprivileged_.get()},
                                            std::move(socket)));
  all.branch_administrator = std::make_unique<BranchAdministrator>(
      [branching = all.branching.get()] { return branching->manager(); },
      branching::BranchLimits().undo_period, settings.source);
  if (settings.control_listen.empty()) return {};
  all.branch_port = std::make_unique<BranchPort>(BranchPort::Parts{.shards = all.core.shards(),
                                                                   .pool = all.core.pool(),
                                                                   .clock = all.clock,
                                                                   .log = log_,
                                                                   .branching = *all.branching});
  return all.branch_port->Listen(settings.control_listen);
}

Status Server::Accept(Sockets sockets) {
  Listeners& all = *listeners_;
  all.data = std::make_unique<rpc::CallServer>(all.core.shards(), all.core.gateway(),
                                               settings_.limits, rpc::Cors(cors_));
  if (tls_ != nullptr) UseTls(tls_);
  for (rpc::ListenSocket& socket : sockets.data) {
    auto hosts = HostsOf(socket, settings_, settings_.listen);
    TRY(all.data->Listen(std::move(socket), std::move(hosts)));
  }
  return AcceptAdmin(std::move(sockets.admin));
}

Status Server::AcceptAdmin(std::vector<rpc::ListenSocket> sockets) {
  Listeners& all = *listeners_;
  all.admin_api =
      std::make_unique<AdminApi>(all.core, all.pages, all.branch_administrator.get(), log_);
  TRY(all.admin_api->Start(all.core));
  all.admin = std::make_unique<rpc::CallServer>(all.core.shards(), all.admin_api->dispatcher(),
                                                AdminLimits());
  // What never leaves the machine is plain, so that probes need no certificate.
  const auto others = std::ranges::partition(
      sockets, [](const rpc::ListenSocket& socket) { return IsLoopback(socket.address()); });
  for (auto socket = sockets.begin(); socket != sockets.end(); ++socket) {
    if (socket == others.begin() && tls_ != nullptr) {
      all.admin_tls = true;
      all.admin->UseTls(tls_);
    }
    auto hosts = HostsOf(*socket, settings_, settings_.admin_listen);
    TRY(all.admin->Listen(std::move(*socket), std::move(hosts)));
  }
  return {};
}

// Both ports say the same: who looks at either wants to know whether clients are served.
void Server::SetHealth(rpc::HealthService::ServingStatus status) {
  listeners_->core.health().SetAll(status);
  listeners_->admin_api->health().SetAll(status);
}

void Server::ReportAccess() {
  if (settings_.authentication) {
    log_.Info("callers are asked who they are");
  } else if (settings_.insecure) {
    log_.Warn("insecure: everybody who can connect may read and write everything");
  } else if (MayBeExposed(settings_)) {
    log_.Info("whoever shows a certificate may read and write everything",
              {{"client_ca", settings_.tls->client_ca}});
  } else {
    log_.Info("no authentication: everybody on this machine may read and write everything");
  }
}

// Connections that there are go on with what they began with.
void Server::UseTls(std::shared_ptr<const rpc::TlsContext> tls) {
  tls_ = std::move(tls);
  Listeners& all = *listeners_;
  all.data->UseTls(tls_);
  if (all.admin_tls) all.admin->UseTls(tls_);
  all.pages.UseTls(tls_);
  log_.Info("certificate",
            {{"file", tls_->options().certificate}, {"not_after", FormatUtc(tls_->not_after())}});
  for (const std::string& warning : tls_->warnings()) log_.Warn(warning);
}

void Server::UseCors(rpc::CorsSettings cors) {
  if (cors == cors_) return;
  cors_ = std::move(cors);
  Listeners& all = *listeners_;
  all.data->UseCors(rpc::Cors(cors_));
  all.pages.UseCors(cors_);
  log_.Info("pages that may call", {{"allowed_origins", cors_.allowed_origins.size()}});
}

Result<Server::Next> Server::Read() {
  Next next;
  TRY_ASSIGN(next.snapshot, source_.Load());
  TRY_ASSIGN(const ServerSettings settings, decide_(*next.snapshot));
  if (settings_.tls && settings.tls) {
    TRY_ASSIGN(next.tls, rpc::TlsContext::Load(*settings.tls));
    if (listeners_->branching != nullptr && settings_.branching->tls) {
      TRY_ASSIGN(next.branch_tls, LoadBranchTls(*settings.tls));
    }
  }
  next.cors = settings.cors;
  TRY(security::CheckAccess({.admin = settings.admins}));
  next.admins = settings.admins;
  log_.SetLevel(settings.log_level);
  listeners_->core.gateway().SetSlowThreshold(settings.slow_request_threshold.count() *
                                              kNanosPerMilli);
  const auto waiting = NeedRestart(settings_, settings);
  std::string names = fmt::format("{}", fmt::join(waiting, ", "));
  if (!names.empty() && names != reload_noted_) {
    log_.Warn("changed options take effect at the next start", {{"options", names}});
  }
  reload_noted_ = std::move(names);
  return next;
}

Status Server::Apply(Next next) {
  TRY(listeners_->core.Apply(*next.snapshot));
  if (next.tls != nullptr) UseTls(std::move(next.tls));
  if (next.branch_tls != nullptr) listeners_->branching->UseTls(std::move(next.branch_tls));
  UseCors(std::move(next.cors));
  return listeners_->core.UseAdmins(std::move(next.admins));
}

void Server::Reload() {
  // systemd tells by the time which of several reloads this is (sd_notify(3)).
  NotifyServiceManager(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", MonotonicNow() / 1000));
  auto next = Read();
  Status applied;
  if (!next) {
    applied = std::unexpected(std::move(next).error());
  } else {
    applied = Apply(*std::move(next));
  }
  lifecycle_.last_reload_failed = !applied;
  ++lifecycle_.reloads;  // last: who sees the number sees the outcome
  if (applied) {
    log_.Info("configuration reloaded", {{"config", source_.Describe()}});
  } else {
    // Each mistake of a file is a line of its own.
    for (const Error::FieldViolation& field : applied.error().fields()) {
      log_.Error("configuration mistake", {{"at", field.field}, {"problem", field.description}});
    }
    log_.Failure("configuration refused, the old one stays", applied.error());
  }
  NotifyServiceManager(applied ? "READY=1\nSTATUS=Serving, configuration reloaded"
                               : "READY=1\nSTATUS=Serving, the last reload was refused");
}

std::optional<std::string> Server::TakeFirstToken() { return listeners_->core.TakeFirstToken(); }

void Server::Tidy() {
  listeners_->core.Tidy();
  ReportTidied(listeners_->admin_api->Tidy());
}

void Server::ReportTidied(const Status& tidied) {
  if (!tidied) log_.Failure("refusals not audited", tidied.error());
}

void Server::Drain(std::function<void()> done) {
  NotifyServiceManager("STOPPING=1\nSTATUS=Draining");
  log_.Info("draining");
  lifecycle_.serving = false;
  Listeners& all = *listeners_;
  SetHealth(::grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  all.core.changes().Drain();
  all.core.EndWaits();
  const MonoNanos deadline = MonotonicNow() + settings_.drain_timeout.count() * kNanosPerMilli;
  const Status submitted = all.core.pool().Submit([this, &all, deadline, done] {
    // Who asks the admin port whether the service is ready means the successor, if there is one.
    all.admin->StopSharedListeners();
    MonoNanos now = MonotonicNow();
    bool empty = false;
    do {
      const MonoNanos step = std::min(now + kDrainStep, deadline);
      empty = all.data->Drain(step);
      if (all.branching != nullptr) empty = all.branching->Drain(step) && empty;
      now = MonotonicNow();
    } while (!empty && now < deadline && !hurry_.load());
    if (!empty) log_.Warn("stopping with calls in flight");
    drained_ = true;
    done();
  });
  if (submitted) return;
  drained_ = true;
  done();
}

}  // namespace prism::app
