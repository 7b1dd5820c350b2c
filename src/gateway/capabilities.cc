#include "gateway/capabilities.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace prism::gateway {

namespace {

namespace v1 = capability::v1;
using Features = std::map<std::string, bool>;

constexpr std::string_view kApiVersion = "v1";
constexpr std::int64_t kMaxWaitSeconds = 600;

// Valid until the next suspension. What the newest table says may be newer than what the call was
// admitted by.
Result<const NamespaceEntry*> Served(const RoutingTable& table, std::string_view ns) {
  const auto* entry = table.Find(ns);
  if (entry == nullptr) {
    return std::unexpected(
        Error(Code::kNotFound, "NAMESPACE_NOT_FOUND",
              fmt::format("the namespace \"{}\" was removed from the configuration", ns)));
  }
  if ((*entry)->refused) return std::unexpected(*(*entry)->refused);
  return entry->get();
}

Error TooManyWaiters() {
  return Error(Code::kResourceExhausted, "TOO_MANY_WAITERS",
               "too many calls wait for features on this instance: ask without a wait, and again "
               "a little later")
      .WithRetryAfter(std::chrono::seconds(1));
}

// Replaced by the reason of the cancellation.
Error Cancelled() { return Error(Code::kCancelled, "CANCELLED", "the wait was cancelled"); }

Error ShuttingDown() {
  return Error(Code::kUnavailable, "SHUTTING_DOWN",
               "the server is stopping: watch again on another instance");
}

Result<MonoNanos> WaitOf(const v1::GetFeaturesRequest& request) {
  const auto& wait = request.wait();
  const bool in_range = wait.seconds() >= 0 && wait.nanos() >= 0 &&
                        wait.nanos() < kNanosPerSecond &&
                        (wait.seconds() < kMaxWaitSeconds ||
                         (wait.seconds() == kMaxWaitSeconds && wait.nanos() == 0));
  if (in_range) return wait.seconds() * kNanosPerSecond + wait.nanos();
  return std::unexpected(
      InvalidField("WAIT_OUT_OF_RANGE", "wait", "must be between nothing and 10 minutes"));
}

template <class Response>
void FillFeatures(const NamespaceEntry& entry, Response& response) {
  response.set_revision(entry.features_revision);
  auto& features = *response.mutable_features();
  features.clear();
  for (const auto& [name, enabled] : entry.config.features) features[name] = enabled;
}

v1::Durability DurabilityOf(contract::Durability level) {
  switch (level) {
    case contract::Durability::kMemory:
      return v1::MEMORY;
    case contract::Durability::kAccepted:
      return v1::ACCEPTED;
    case contract::Durability::kFsynced:
      return v1::FSYNCED;
    case contract::Durability::kReplicated:
      return v1::REPLICATED;
  }
  return v1::DURABILITY_UNSPECIFIED;
}

v1::Consistency ConsistencyOf(contract::Consistency consistency) {
  switch (consistency) {
    case contract::Consistency::kStrong:
      return v1::STRONG;
    case contract::Consistency::kCausal:
      return v1::CAUSAL;
    case contract::Consistency::kEventual:
      return v1::EVENTUAL;
  }
  return v1::CONSISTENCY_UNSPECIFIED;
}

void FillDuration(std::int64_t millis, google::protobuf::Duration& duration) {
  duration.set_seconds(millis / 1000);
  duration.set_nanos(static_cast<std::int32_t>(millis % 1000 * kNanosPerMilli));
}

void FillLimits(const namespaces::NamespaceConfig& config, v1::Limits& limits) {
  limits.set_max_value_bytes(config.settings.max_value_bytes);
  limits.set_max_bytes(config.settings.max_bytes);
  limits.set_max_keys(config.settings.max_keys);
  limits.set_rate_limit_rps(config.rate_limit_rps);
  limits.set_max_in_flight(config.max_in_flight);
  FillDuration(config.default_timeout.count(), *limits.mutable_default_timeout());
  FillDuration(config.settings.dedup_window_ms, *limits.mutable_dedup_window());
  limits.set_dedup_max_entries(config.settings.dedup_max_entries);
}

}  // namespace

runtime::Task<Status> Capabilities::Get(contract::CallContext& ctx,
                                        const v1::GetRequest& /*request*/,
                                        v1::GetResponse& response) {
  const RoutingTable& table = *tables_.Here().table();
  CO_TRY_ASSIGN(const NamespaceEntry* entry, Served(table, ctx.ns));
  const namespaces::NamespaceConfig& config = entry->config;
  response.set_namespace_(config.name);
  response.set_api_version(std::string(kApiVersion));
  response.set_revision(table.snapshot().revision);
  response.set_status(config.status == namespaces::NamespaceStatus::kMigrating ? v1::MIGRATING
                                                                               : v1::ACTIVE);
  for (const std::string_view id : entry->Interfaces()) response.add_interfaces(std::string(id));
  for (const auto& pattern : config.patterns) response.add_patterns(pattern.type);
  response.set_durability(DurabilityOf(entry->durability));
  response.set_consistency(ConsistencyOf(config.consistency));
  FillLimits(config, *response.mutable_limits());
  response.mutable_limits()->set_max_message_bytes(max_message_bytes_);
  co_return Status();
}

runtime::Task<Status> Capabilities::GetFeatures(contract::CallContext& ctx,
                                                const v1::GetFeaturesRequest& request,
                                                v1::GetFeaturesResponse& response) {
  NewestTable& newest = tables_.Here();
  CO_TRY_ASSIGN(const MonoNanos wait, WaitOf(request));
  CO_TRY_ASSIGN(const NamespaceEntry* entry, Served(*newest.table(), ctx.ns));
  FillFeatures(*entry, response);
  if (wait == 0 || response.revision() != request.index()) co_return Status();
  if (!newest.has_room()) co_return std::unexpected(TooManyWaiters());
  NewestTable::Place place(newest, ctx.ns);
  const MonoNanos until = MonotonicNow() + wait;
  while (response.revision() == request.index() && !newest.draining()) {
    const auto result = co_await place.changed().For(until, &ctx.cancel());
    if (result == runtime::WaitResult::kCancelled) co_return std::unexpected(Cancelled());
    CO_TRY_ASSIGN(entry, Served(*newest.table(), ctx.ns));
    FillFeatures(*entry, response);
    if (result == runtime::WaitResult::kDeadline) break;
  }
  co_return Status();
}

runtime::Task<Status> Capabilities::WatchFeatures(contract::CallContext& ctx,
                                                  const v1::WatchFeaturesRequest& /*request*/,
                                                  contract::Sink<v1::WatchFeaturesResponse> sink) {
  NewestTable& newest = tables_.Here();
  if (!newest.has_room()) co_return std::unexpected(TooManyWaiters());
  NewestTable::Place place(newest, ctx.ns);
  v1::WatchFeaturesResponse response;
  std::optional<Features> sent;
  while (true) {
    CO_TRY_ASSIGN(const NamespaceEntry* entry, Served(*newest.table(), ctx.ns));
    if (sent != entry->config.features) {
      sent = entry->config.features;
      FillFeatures(*entry, response);
      CO_TRY(co_await sink.Write(response));
      continue;  // they may have changed while the write waited
    }
    if (newest.draining()) co_return std::unexpected(ShuttingDown());
    const auto result = co_await place.changed().For(runtime::kNoDeadline, &ctx.cancel());
    if (result == runtime::WaitResult::kCancelled) co_return std::unexpected(Cancelled());
  }
}

}  // namespace prism::gateway
