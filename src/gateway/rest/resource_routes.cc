#include "gateway/rest/resource_routes.h"

#include "gateway/rest/target.h"

namespace prism::gateway {

const rpc::ResourceRoute* ResourceRoutes::Find(std::string_view target) const {
  const auto parts = SplitTarget(target);
  if (!parts) return nullptr;
  if (parts->kind == "keyvalue") return &keyvalue_;
  const bool capability =
      parts->kind == CapabilityRoute::kFeatures || parts->kind == CapabilityRoute::kCapabilities;
  return capability && !parts->name ? &capability_ : nullptr;
}

}  // namespace prism::gateway
