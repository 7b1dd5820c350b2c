// What the ports say of branches: GET /branches, and metrics.
#pragma once

#include <span>
#include <string>

#include "app/branching.h"
#include "prism/admin/v1/pages.pb.h"
#include "runtime/blocking_pool.h"
#include "runtime/task.h"
#include "telemetry/prometheus.h"

namespace prism::app {

// Of those that can be connected to: {"my-branch":"2025-12-02T22:01:43Z"}, times as RFC 3339 in
// UTC; sorted by name.
std::string LastActivityJson(std::span<const branching::BranchStatus> branches);

void WriteBranchStates(std::span<const branching::BranchStatus> branches,
                       telemetry::PrometheusText& text);
void WriteBranchQuotas(const Branching& branching, telemetry::PrometheusText& text);
// When their newest states were made, and which of them could not be looked at last time.
void WriteBranchSources(std::span<const branching::SourceStatus> sources,
                        telemetry::PrometheusText& text);
// Of all shards.
void WriteBranchEntries(std::span<const branching::EntryTimes> times,
                        telemetry::PrometheusText& text);
// Blocks.
void WriteBranchDisk(const std::string& storage_path, telemetry::PrometheusText& text);
void WriteBranchSpares(std::size_t spares, telemetry::PrometheusText& text);
void WriteBranchClients(const branching::ProxyCounters& counters, telemetry::PrometheusText& text);

// The page of either port; 503 until clients get in. NOT_FOUND/BRANCHING_OFF when `branching` is
// null. Any shard; what is referred to outlives the task.
runtime::Task<Status> BranchesPage(Branching* branching, runtime::BlockingPool* pool,
                                   admin::v1::Page* page);

}  // namespace prism::app
