// Everything that the admin port has beside methods.
#pragma once

#include <span>
#include <string_view>

#include "contract/method.h"
#include "gateway/admin/admin_dispatcher.h"
#include "gateway/admin/admin_route.h"
#include "gateway/admin/pages.h"

namespace prism::gateway {

// Life cycle: outlives the dispatcher that has it. Thread rule: any shard.
class AdminRoutes final : public AdminDispatcher::Routes {
 public:
  // Of the methods of these interfaces.
  explicit AdminRoutes(std::span<const contract::InterfaceInfo* const> interfaces)
      : api_(interfaces) {}

  // nullptr for what is spelled like a method, "/package.Service/Method"; for everything else a
  // route answers, if only by saying what there is.
  const rpc::ResourceRoute* Find(std::string_view target) const override;

 private:
  AdminRoute api_;
  PageRoute pages_;
};

}  // namespace prism::gateway
