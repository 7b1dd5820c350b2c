// grpc.health.v1: tells clients and load balancers which services can take calls.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "contract/implements.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/health/v1/health.prism.h"
#include "runtime/shard.h"
#include "runtime/wait.h"

namespace prism::rpc {

// Life cycle: made before the server listens, outlives it. Set may be called on any thread: every
// shard keeps a copy of its own, so that a check costs no lock. The empty service name is the
// server as a whole.
class HealthService final : public contract::Implements<::grpc::health::v1::Health> {
 public:
  using ServingStatus = ::grpc::health::v1::HealthCheckResponse::ServingStatus;

  // All services start as NOT_SERVING. The shards must be running when Set is called.
  HealthService(runtime::ShardPool& shards, const std::vector<std::string>& services);

  // Takes effect on every shard within a turn of its loop, and wakes its watchers.
  void SetAll(ServingStatus status);

  runtime::Task<Status> Check(contract::CallContext& ctx,
                              const ::grpc::health::v1::HealthCheckRequest& request,
                              ::grpc::health::v1::HealthCheckResponse& response) override;
  runtime::Task<Status> Watch(
      contract::CallContext& ctx, const ::grpc::health::v1::HealthCheckRequest& request,
      contract::Sink<::grpc::health::v1::HealthCheckResponse> sink) override;

 private:
  // Touched only on its shard.
  struct PerShard {
    explicit PerShard(runtime::Shard& shard) : changed(shard) {}
    std::map<std::string, ServingStatus, std::less<>> services;
    runtime::Event changed;
  };

  PerShard& Here();

  runtime::ShardPool& shards_;
  std::vector<std::unique_ptr<PerShard>> per_shard_;
};

}  // namespace prism::rpc
