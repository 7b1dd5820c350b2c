#include "app/admin_pages.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

#include "app/branches_page.h"
#include "app/effective_config.h"
#include "app/openapi.h"
#include "app/slow_page.h"
#include "base/version.h"
#include "gateway/admin/pages.h"
#include "gateway/gather.h"
#include "rpc/query.h"
#include "security/caller_rights.h"
#include "telemetry/process_metrics.h"

namespace prism::app {

namespace {

bool HasQuery(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view part = query.substr(0, end);
    if (part.substr(0, part.find('=')) == name) return true;
    query = end == query.npos ? std::string_view() : query.substr(end + 1);
  }
  return false;
}

// Whether a backend that can't be used must keep the server from being ready: one that this program
// can never serve is a matter of configuration, not of health.
bool IsRequired(const Error& error) { return error.reason() != "DRIVER_NOT_INSTALLED"; }

std::string VersionPage() {
  const nlohmann::ordered_json json = {{"version", prism::Version()}, {"api", "v1"}};
  return json.dump() + "\n";
}

Status CheckVisitor(gateway::PageInfo::For whom, const contract::CallContext& ctx) {
  switch (whom) {
    case gateway::PageInfo::For::kAll:
      break;
    case gateway::PageInfo::For::kAuthenticated:
      return ctx.rights->CheckIdentity();
    case gateway::PageInfo::For::kServerAdmins:
      return ctx.rights->CheckServer();
  }
  return {};
}

}  // namespace

// Whoever asks for a page afterwards asks shard 0 after this.
void AdminPages::UseTls(std::shared_ptr<const rpc::TlsContext> tls) {
  parts_.shards.at(0).Post([this, tls = std::move(tls)] {
    served_ = std::make_shared<const Served>(Served{served_->cors, tls});
  });
}

void AdminPages::UseCors(rpc::CorsSettings cors) {
  parts_.shards.at(0).Post([this, cors = std::move(cors)] {
    served_ = std::make_shared<const Served>(Served{cors, served_->tls});
  });
}

gateway::Ask<std::shared_ptr<const AdminPages::Served>> AdminPages::AskServed() {
  return {parts_.shards.at(0), [this] { return served_; }};
}

runtime::Task<Status> AdminPages::Get(contract::CallContext& ctx,
                                      const admin::v1::GetPageRequest& request,
                                      admin::v1::Page& page) {
  const std::string& target = request.target();
  const gateway::PageInfo* info = gateway::FindPage(rpc::PathOf(target));
  if (info == nullptr) co_return std::unexpected(gateway::NoSuchPage());
  CO_TRY(CheckVisitor(info->whom, ctx));
  page.set_status(200);
  if (info->path == "/readyz") {
    co_await Ready(HasQuery(rpc::QueryOf(target), "verbose"), page);
  } else if (info->path == "/branches") {
    co_return co_await BranchesPage(parts_.branching(), &parts_.pool, &page);
  } else {
    page.set_body(co_await Body(info->path));
  }
  co_return Status();
}

runtime::Task<std::string> AdminPages::Body(std::string_view path) {
  if (path == "/livez") co_return "ok\n";
  if (path == "/version") co_return VersionPage();
  if (path == "/metrics") co_return co_await Metrics();
  if (path == "/slow") co_return co_await Slow();
  if (path == "/config") co_return co_await Config();
  if (path == "/openapi.json") co_return std::string(OpenApiJson());
  co_return std::string(AdminOpenApiJson());
}

runtime::Task<AdminPages::Checks> AdminPages::CheckBackends() {
  const auto table = parts_.gateway.table();
  // Health may touch a disk or a network.
  auto checked = co_await parts_.pool.Run([table] {
    Checks checks;
    for (const gateway::BackendState& state : table->backends()) {
      Check check{.name = "backend " + state.config.name, .problem = {}};
      if (state.backend == nullptr) {
        check.problem = state.error->ToString();
        check.required = IsRequired(*state.error);
      } else if (const Status health = state.backend->Health(); !health) {
        check.problem = health.error().ToString();
      }
      checks.push_back(std::move(check));
    }
    for (const auto& entry : table->entries()) {
      // A backend that is down has been named above.
      if (!entry->refused || entry->owner == nullptr) continue;
      // One namespace that can't be served is no reason to withhold all others.
      checks.push_back({.name = "namespace " + entry->config.name,
                        .problem = entry->refused->ToString(),
                        .required = false});
    }
    return checks;
  });
  if (checked) co_return *std::move(checked);
  co_return Checks{{.name = "checks", .problem = checked.error().ToString()}};
}

runtime::Task<void> AdminPages::Ready(bool verbose, admin::v1::Page& page) {
  Checks checks = co_await CheckBackends();
  const bool serving = parts_.lifecycle.serving.load();
  checks.insert(checks.begin(),
                Check{.name = "serving", .problem = serving ? "" : "starting or draining"});
  if (const Branching* branching = parts_.branching()) {
    checks.push_back({.name = "branches", .problem = branching->problem()});
  }
  std::string body;
  for (const Check& check : checks) {
    const bool well = check.problem.empty();
    if (!well && check.required) page.set_status(503);
    if (!verbose && well) continue;
    body += fmt::format("[{}] {}{}{}\n", well ? "+" : "-", check.name, well ? " ok" : ": ",
                        check.problem);
  }
  body += page.status() == 200 ? "ready\n" : "not ready\n";
  page.set_body(std::move(body));
}

runtime::Task<std::string> AdminPages::Metrics() {
  const Checks checks = co_await CheckBackends();
  gateway::Gateway& gateway = parts_.gateway;
  const auto samples = co_await gateway::Gather<gateway::ShardSample>(
      parts_.shards, [&gateway](int shard) { return gateway.Sample(shard); });
  std::vector<gateway::ShardSample> admin_samples;
  const gateway::AdminDispatcher* port = parts_.admin();
  if (port != nullptr) {
    admin_samples = co_await gateway::Gather<gateway::ShardSample>(
        parts_.shards, [port](int shard) { return port->Sample(shard); });
  }

  telemetry::PrometheusText text;
  text.Gauge("prism_build_info", "Always 1; the version is a label.");
  text.Sample({{"version", prism::Version()}}, std::uint64_t{1});
  // Which namespaces have a series is the same for whoever asks, on whatever shard.
  co_await gateway::Ask<bool>(parts_.shards.at(0), [this, &samples, &text] {
    gateway_metrics_.Write(samples, text);
    return true;
  });
  if (port != nullptr) gateway::WriteAdminMetrics(admin_samples, port->methods(), text);
  text.Gauge("prism_backend_up", "1 when the backend can serve.");
  for (const Check& check : checks) {
    constexpr std::string_view kPrefix = "backend ";
    if (!check.name.starts_with(kPrefix)) continue;
    text.Sample({{"backend", std::string_view(check.name).substr(kPrefix.size())}},
                std::uint64_t{check.problem.empty() ? 1u : 0u});
  }
  WriteConfiguration(text);
  WriteConnections(text);
  co_await WriteBranches(text);
  const std::shared_ptr<const Served> served = co_await AskServed();
  if (served->tls != nullptr) WriteTls(*served->tls, text);
  text.Gauge("prism_memory_used_bytes", "What the memory backends hold.");
  text.Sample({}, parts_.budget.used());
  text.Gauge("prism_memory_max_bytes", "What the memory backends may hold.");
  text.Sample({}, parts_.budget.max_bytes());
  text.Gauge("prism_shards", "Threads that serve.");
  text.Sample({}, static_cast<std::uint64_t>(parts_.shards.size()));
  telemetry::WriteProcessMetrics(telemetry::ReadProcessUsage(), text);
  co_return std::move(text).Take();
}

void AdminPages::WriteConfiguration(telemetry::PrometheusText& text) const {
  text.Gauge("prism_config_revision", "Revision of the configuration that is served.");
  text.Sample({}, static_cast<std::uint64_t>(parts_.gateway.table()->snapshot().revision));
  text.Counter("prism_config_reloads_total", "Times that the configuration was read again.");
  text.Sample({}, parts_.lifecycle.reloads.load());
  text.Gauge("prism_config_last_reload_failed", "1 when the last reload was refused.");
  text.Sample({}, std::uint64_t{parts_.lifecycle.last_reload_failed.load() ? 1u : 0u});
  text.Counter("prism_config_backup_failures_total", "Backups of the configuration that failed.");
  text.Sample({}, parts_.config.backups().failures.load());
  text.Gauge("prism_config_backup_timestamp_seconds",
             "When a backup of today was last found or made; 0: not since the start.");
  text.Sample({}, static_cast<std::uint64_t>(parts_.config.backups().last_success.load() / 1000));
  text.Counter("prism_config_unmarked_changes_total",
               "Changes of the configuration whose mark beside the store could not be written.");
  text.Sample({}, parts_.config.unmarked_changes());
  const ConfigKeeper::PurgeCounters& purges = parts_.config.purge_counters();
  text.Gauge("prism_namespace_purges_pending",
             "Deleted namespaces whose data is to be destroyed and is not yet.");
  text.Sample({}, purges.pending.load());
  text.Counter("prism_namespace_purges_total",
               "Deleted namespaces whose data was destroyed, since the start.");
  text.Sample({}, purges.done.load());
  text.Counter("prism_namespace_purge_failures_total",
               "Attempts to destroy the data of a deleted namespace that failed.");
  text.Sample({}, purges.failures.load());
}

void AdminPages::WriteConnections(telemetry::PrometheusText& text) const {
  const rpc::ConnectionCounts counts = parts_.connections();
  const auto write = [&text](const rpc::ConnectionCounts::ByKind& kinds, std::size_t first) {
    for (std::size_t i = first; i < kinds.size(); ++i) {
      text.Sample({{"http", rpc::kHttpVersionNames[i]}, {"transport", "plain"}}, kinds[i][0]);
      text.Sample({{"http", rpc::kHttpVersionNames[i]}, {"transport", "tls"}}, kinds[i][1]);
    }
  };
  text.Gauge("prism_connections",
             "Open connections on the data port; none: it is not known yet which HTTP they speak.");
  write(counts.open, 0);
  text.Counter("prism_connections_begun_total", "Connections that have begun to speak HTTP.");
  write(counts.begun, 1);
  text.Counter("prism_connections_closed_total", "Connections that have ended, by reason.");
  for (std::size_t i = 0; i < counts.closed.size(); ++i) {
    text.Sample({{"reason", rpc::kConnectionEndNames[i]}}, counts.closed[i]);
  }
  text.Counter("prism_accept_pauses_total",
               "Times that clients had to wait because no file descriptors were left.");
  text.Sample({}, parts_.accept_pauses());
  const rpc::CallServer::Crowding crowding = parts_.crowding();
  text.Counter("prism_connections_given_up_total",
               "Idle connections that were closed for new ones at max_connections.");
  text.Sample({}, crowding.given_up);
  text.Counter("prism_connections_refused_total",
               "New connections that were closed: all others had calls open.");
  text.Sample({}, crowding.refused);
  text.Counter("prism_connections_relieved_total",
               "Connections that were closed for what they made the server hold.");
  text.Sample({}, crowding.relieved);
}

void AdminPages::WriteTls(const rpc::TlsContext& tls, telemetry::PrometheusText& text) const {
  const rpc::TlsCounters& counters = parts_.tls_counters();
  text.Counter("prism_tls_sessions_total", "TLS handshakes that were completed.");
  text.Sample({}, counters.sessions.load());
  text.Counter("prism_tls_failures_total", "TLS handshakes that were not, by reason.");
  for (std::size_t i = 0; i < counters.failures.size(); ++i) {
    text.Sample({{"reason", rpc::TlsFailureName(static_cast<rpc::TlsFailure>(i))}},
                counters.failures[i].load());
  }
  text.Gauge("prism_tls_certificate_not_after_seconds",
             "When the certificate that is served ends, in Unix time.");
  text.Sample({}, static_cast<std::uint64_t>(tls.not_after()));
}

runtime::Task<void> AdminPages::WriteBranches(telemetry::PrometheusText& text) {
  Branching* branching = parts_.branching();
  if (branching == nullptr) co_return;
  const Status listed = co_await parts_.pool.Run([branching, &text] {
    WriteBranchStates(branching->List(), text);
    WriteBranchSources(branching->ListSources(), text);
    WriteBranchDisk(branching->storage_path(), text);
  });
  if (!listed) co_return;  // the pool is full, or ends
  WriteBranchEntries(
      co_await gateway::Gather<branching::EntryTimes>(
          parts_.shards, [branching](int shard) { return branching->entry_times(shard); }),
      text);
  WriteBranchSpares(branching->spares(), text);
  WriteBranchQuotas(*branching, text);
  WriteBranchClients(branching->counters(), text);
}

runtime::Task<std::string> AdminPages::Slow() {
  gateway::Gateway& gateway = parts_.gateway;
  const auto samples = co_await gateway::Gather<gateway::SlowSample>(
      parts_.shards, [&gateway](int shard) { return gateway.SlowRequests(shard); });
  co_return SlowPage(samples);
}

runtime::Task<std::string> AdminPages::Config() {
  ServerSettings settings = parts_.settings;
  const std::shared_ptr<const Served> served = co_await AskServed();
  settings.cors = served->cors;
  if (served->tls != nullptr) settings.tls = served->tls->options();
  co_return EffectiveConfig(settings, parts_.gateway.table()->snapshot());
}

}  // namespace prism::app
