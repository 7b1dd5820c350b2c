#include "gateway/admin/admin_routes.h"

#include "rpc/query.h"

namespace prism::gateway {

const rpc::ResourceRoute* AdminRoutes::Find(std::string_view target) const {
  std::string_view path = rpc::PathOf(target);
  if (path.starts_with("/admin/")) return &api_;
  if (path.starts_with('/')) path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  if (slash != std::string_view::npos && path.substr(0, slash).contains('.')) return nullptr;
  return &pages_;
}

}  // namespace prism::gateway
