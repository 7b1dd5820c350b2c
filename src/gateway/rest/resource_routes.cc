#include "gateway/rest/resource_routes.h"

#include "gateway/rest/target.h"

namespace prism::gateway {

const rpc::ResourceRoute* ResourceRoutes::Find(std::string_view target) const {
  const auto parts = SplitTarget(target);
  if (parts && parts->kind == "keyvalue") return &keyvalue_;
  return nullptr;
}

}  // namespace prism::gateway
