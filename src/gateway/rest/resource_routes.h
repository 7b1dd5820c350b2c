// Every kind of resource that plain HTTP can name, and which targets are whose.
#pragma once

#include <string_view>

#include "gateway/rest/capability_route.h"
#include "gateway/rest/keyvalue_route.h"

namespace prism::gateway {

// Life cycle: a member of the gateway. Thread rule: any shard.
class ResourceRoutes {
 public:
  // nullptr: the target is no resource's.
  const rpc::ResourceRoute* Find(std::string_view target) const;

 private:
  CapabilityRoute capability_;
  KeyValueRoute keyvalue_;
};

}  // namespace prism::gateway
