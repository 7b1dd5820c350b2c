// The resources of KeyValue over plain HTTP: a key with its value as the body, and the list of a
// namespace's keys as JSON lines. docs/guides/http.md says what clients see.
#pragma once

#include <string>
#include <string_view>

#include "gateway/rest/keyvalue_target.h"
#include "rpc/resource_route.h"

namespace prism::gateway {

// Life cycle: no state but addresses of generated tables. Thread rule: any shard.
class KeyValueRoute final : public rpc::ResourceRoute {
 public:
  Result<rpc::ResourceCall> ToCall(const rpc::ResourceRequest& request, std::string& message,
                                   rpc::ResourceReply& reply) const override;
  std::string_view StatusOf(const Error& error) const override;
};

}  // namespace prism::gateway
