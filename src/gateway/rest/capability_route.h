// What a namespace is, over plain HTTP: /v1/{namespace}/capabilities and /v1/{namespace}/features.
#pragma once

#include <string>
#include <string_view>

#include "rpc/resource_route.h"

namespace prism::gateway {

// Life cycle: no state but addresses of generated tables. Thread rule: any shard.
class CapabilityRoute final : public rpc::ResourceRoute {
 public:
  static constexpr std::string_view kCapabilities = "capabilities";
  static constexpr std::string_view kFeatures = "features";

  // INVALID_ARGUMENT beside what Query::Parse refuses: INDEX_MALFORMED, BAD_DURATION.
  Result<rpc::ResourceCall> ToCall(const rpc::ResourceRequest& request, std::string& message,
                                   rpc::ResourceReply& reply) const override;
  std::string_view StatusOf(const Error& error) const override;
};

}  // namespace prism::gateway
