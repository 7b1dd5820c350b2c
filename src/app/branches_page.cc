#include "app/branches_page.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

namespace prism::app {

namespace {

using branching::BranchState;

constexpr std::array<std::string_view, 7> kStateNames = {
    "making", "stopped", "starting", "running", "stopping", "deleted", "removing"};

constexpr std::array<std::string_view, branching::kQuotas> kQuotaNames = {"branches", "disk",
                                                                          "memory", "connections"};

bool IsThere(const branching::BranchStatus& status) {
  return status.state != BranchState::kMaking && status.state != BranchState::kDeleted &&
         status.state != BranchState::kRemoving;
}

constexpr std::array<std::string_view, branching::kEntryWays> kWayNames = {"new", "woken",
                                                                           "running"};

// Paths, which a problem may name, are any bytes.
std::string Dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string LastActivityJson(std::span<const branching::BranchStatus> branches) {
  nlohmann::json json = nlohmann::json::object();
  for (const branching::BranchStatus& status : branches) {
    if (!IsThere(status)) continue;
    const std::time_t seconds = status.last_activity / 1000;
    json[status.branch.name] = fmt::format("{:%FT%TZ}", fmt::gmtime(seconds));
  }
  return Dump(json);
}

void WriteBranchStates(std::span<const branching::BranchStatus> branches,
                       telemetry::PrometheusText& text) {
  std::array<std::uint64_t, kStateNames.size()> counts = {};
  for (const branching::BranchStatus& status : branches) {
    ++counts[static_cast<std::size_t>(status.state)];
  }
  text.Gauge("prism_branches", "PostgreSQL branches, by what they do.");
  for (std::size_t i = 0; i < counts.size(); ++i) {
    text.Sample({{"state", kStateNames[i]}}, counts[i]);
  }
  std::uint64_t own_bytes = 0;
  for (const branching::BranchStatus& status : branches) {
    if (status.size) own_bytes += status.size->usage.own_bytes;
  }
  text.Gauge("prism_branch_own_bytes",
             "What branches take up that nothing else has, as last measured.");
  text.Sample({}, own_bytes);
}

void WriteBranchQuotas(const Branching& branching, telemetry::PrometheusText& text) {
  text.Counter("prism_branch_quota_refusals_total",
               "Branches, servers and connections that would have been too many for one owner.");
  for (std::size_t i = 0; i < branching::kQuotas; ++i) {
    text.Sample({{"quota", kQuotaNames[i]}},
                branching.refusals(branching::Quota{static_cast<std::uint8_t>(i)}));
  }
}

void WriteBranchSources(std::span<const branching::SourceStatus> sources,
                        telemetry::PrometheusText& text) {
  text.Gauge("prism_branch_source_timestamp_seconds",
             "When the newest state of a source was copied, in Unix time.");
  for (const branching::SourceStatus& status : sources) {
    if (!status.newest) continue;
    text.Sample({{"source", status.source.name}}, static_cast<double>(status.newest->as_of) / 1000);
  }
  text.Gauge("prism_branch_source_failing", "Whether the last look at a source failed.");
  for (const branching::SourceStatus& status : sources) {
    text.Sample({{"source", status.source.name}}, std::uint64_t{status.failure ? 1U : 0U});
  }
}

void WriteBranchEntries(std::span<const branching::EntryTimes> times,
                        telemetry::PrometheusText& text) {
  text.Histogram("prism_branch_entry_duration_seconds",
                 "From the login of a client until it is in its branch, by what had to be done.");
  for (std::size_t way = 0; way < kWayNames.size(); ++way) {
    telemetry::DurationHistogram all;
    for (const branching::EntryTimes& of_shard : times) all.Merge(of_shard[way]);
    text.Series({{"way", kWayNames[way]}}, all);
  }
}

void WriteBranchDisk(const std::string& storage_path, telemetry::PrometheusText& text) {
  text.Gauge("prism_branch_store_free_bytes",
             "Room for branches: in their store, and on the disk below it when that is an image.");
  const std::string below = std::filesystem::path(storage_path).parent_path().string();
  for (const auto& [name, path] : {std::pair("store", &storage_path), std::pair("disk", &below)}) {
    std::error_code failed;
    const std::filesystem::space_info space = std::filesystem::space(*path, failed);
    if (!failed) text.Sample({{"of", name}}, std::uint64_t{space.available});
  }
}

void WriteBranchSpares(std::size_t spares, telemetry::PrometheusText& text) {
  text.Gauge("prism_branch_spares", "Servers that wait for a branch to be named.");
  text.Sample({}, static_cast<std::uint64_t>(spares));
}

void WriteBranchClients(const branching::ProxyCounters& counters, telemetry::PrometheusText& text) {
  text.Gauge("prism_branch_connections", "Open connections of PostgreSQL clients.");
  text.Sample({}, static_cast<std::uint64_t>(counters.connections.load()));
  text.Gauge("prism_branch_clients", "Those of them that have logged in.");
  text.Sample({}, static_cast<std::uint64_t>(counters.clients.load()));
  const auto count = [&text](std::string_view name, std::string_view help, std::uint64_t value) {
    text.Counter(name, help);
    text.Sample({}, value);
  };
  count("prism_branch_connections_accepted_total", "Connections of PostgreSQL clients.",
        counters.accepted.load());
  count("prism_branch_accept_pauses_total",
        "Times that PostgreSQL clients had to wait because no file descriptors were left.",
        counters.accept_pauses.load());
  count("prism_branch_connections_refused_total", "Connections that were told why not.",
        counters.refused.load());
  count("prism_branch_connections_given_up_total",
        "Connections that had not logged in and were closed for new ones.",
        counters.given_up.load());
  count("prism_branch_cancels_total", "Requests to cancel a query that were passed on.",
        counters.cancels.load());
}

runtime::Task<Status> BranchesPage(Branching* branching, runtime::BlockingPool* pool,
                                   admin::v1::Page* page) {
  if (branching == nullptr) {
    co_return std::unexpected(
        Error(Code::kNotFound, "BRANCHING_OFF",
              "there are no branches here: name a source (--branch-source, branching.source)"));
  }
  if (const std::string problem = branching->problem(); !problem.empty()) {
    page->set_status(503);
    page->set_body(Dump({{"error", problem}}));
    co_return Status();
  }
  auto listed = co_await pool->Run([branching] { return branching->List(); });
  CO_TRY_ASSIGN(const std::vector<branching::BranchStatus> branches, std::move(listed));
  page->set_status(200);
  page->set_body(LastActivityJson(branches));
  co_return Status();
}

}  // namespace prism::app
