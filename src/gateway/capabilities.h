// What applications can ask of a namespace: what it is, and its feature flags.
#pragma once

#include <cstdint>

#include "contract/implements.h"
#include "gateway/newest_table.h"
#include "prism/capability/v1/capability.pb.h"
#include "prism/capability/v1/capability.prism.h"

namespace prism::gateway {

// The gateway's own service about a namespace (MethodTable::SystemService::of_namespace): its calls
// are admitted like all others, and answered from the newest table of the shard. What waits keeps
// no configuration alive, is not in the namespace's accounts of calls in flight, and is not ended
// by rebind_grace; it ends by itself when the namespace can't be served any more and on drain.
// Life cycle: outlives the calls. Thread rule: any shard.
class Capabilities final : public contract::Implements<capability::v1::CapabilityService> {
 public:
  // `tables` outlives it.
  Capabilities(NewestTables& tables, std::uint64_t max_message_bytes)
      : tables_(tables), max_message_bytes_(max_message_bytes) {}

  runtime::Task<Status> Get(contract::CallContext& ctx, const capability::v1::GetRequest& request,
                            capability::v1::GetResponse& response) override;
  runtime::Task<Status> GetFeatures(contract::CallContext& ctx,
                                    const capability::v1::GetFeaturesRequest& request,
                                    capability::v1::GetFeaturesResponse& response) override;
  runtime::Task<Status> WatchFeatures(
      contract::CallContext& ctx, const capability::v1::WatchFeaturesRequest& request,
      contract::Sink<capability::v1::WatchFeaturesResponse> sink) override;

 private:
  NewestTables& tables_;
  const std::uint64_t max_message_bytes_;
};

}  // namespace prism::gateway
