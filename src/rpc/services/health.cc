#include "rpc/services/health.h"

#include <fmt/format.h>

namespace prism::rpc {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

HealthService::HealthService(runtime::ShardPool& shards, const std::vector<std::string>& services)
    : shards_(shards) {
  for (int i = 0; i < shards.size(); ++i) {
    auto state = std::make_unique<PerShard>(shards.at(i));
    state->services[""] = HealthCheckResponse::NOT_SERVING;
    for (const std::string& service : services) {
      state->services[service] = HealthCheckResponse::NOT_SERVING;
    }
    per_shard_.push_back(std::move(state));
  }
}

HealthService::PerShard& HealthService::Here() {
  return *per_shard_[static_cast<std::size_t>(runtime::Shard::Current()->id())];
}

void HealthService::SetAll(ServingStatus status) {
  for (int i = 0; i < shards_.size(); ++i) {
    PerShard& state = *per_shard_[static_cast<std::size_t>(i)];
    shards_.at(i).Post([&state, status] {
      for (auto& [name, current] : state.services) current = status;
      state.changed.Set();
      state.changed.Reset();
    });
  }
}

runtime::Task<Status> HealthService::Check(contract::CallContext& /*ctx*/,
                                           const HealthCheckRequest& request,
                                           HealthCheckResponse& response) {
  const PerShard& state = Here();
  const auto found = state.services.find(request.service());
  if (found == state.services.end()) {
    co_return std::unexpected(Error(
        Code::kNotFound, "SERVICE_UNKNOWN",
        fmt::format("there is no service {}; server reflection lists them", request.service())));
  }
  response.set_status(found->second);
  co_return Status();
}

// An unknown service is an answer here, because it may come to be (grpc/doc/health-checking.md).
runtime::Task<Status> HealthService::Watch(contract::CallContext& ctx,
                                           const HealthCheckRequest& request,
                                           contract::Sink<HealthCheckResponse> sink) {
  PerShard& state = Here();
  HealthCheckResponse response;
  bool first = true;
  for (;;) {
    const auto found = state.services.find(request.service());
    const ServingStatus now =
        found == state.services.end() ? HealthCheckResponse::SERVICE_UNKNOWN : found->second;
    if (first || now != response.status()) {
      first = false;
      response.set_status(now);
      CO_TRY(co_await sink.Write(response));
      continue;  // the status may have changed while the write waited
    }
    const MonoNanos deadline = ctx.deadline == 0 ? runtime::kNoDeadline : ctx.deadline;
    const runtime::WaitResult result = co_await state.changed.For(deadline, &ctx.cancel());
    if (result == runtime::WaitResult::kDeadline) {
      co_return std::unexpected(Error(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                                      "the watch reached its deadline; watch again"));
    }
    if (result == runtime::WaitResult::kCancelled) {
      co_return std::unexpected(Error(Code::kCancelled, "CANCELLED", "the watch was cancelled"));
    }
  }
}

}  // namespace prism::rpc
