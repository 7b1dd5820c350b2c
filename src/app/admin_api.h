// The services of the admin port, put together.
#pragma once

#include <string>
#include <vector>

#include "app/admin_pages.h"
#include "app/core.h"
#include "base/clock.h"
#include "base/status.h"
#include "gateway/admin/admin_dispatcher.h"
#include "gateway/admin/admin_routes.h"
#include "gateway/admin/audit_admin.h"
#include "gateway/admin/audit_trail.h"
#include "gateway/admin/backend_admin.h"
#include "gateway/admin/branch_admin.h"
#include "gateway/admin/config_admin.h"
#include "gateway/admin/namespace_admin.h"
#include "gateway/admin/operation_admin.h"
#include "gateway/admin/token_admin.h"
#include "gateway/method_table.h"
#include "rpc/services/health.h"
#include "rpc/services/reflection.h"
#include "telemetry/log.h"

namespace prism::app {

// Life cycle: made when the core has started, Start; outlives the port that leads calls to it, and
// what writes the configuration.
// Thread rule: made on the control thread; dispatcher() on any shard, health() on any thread.
class AdminApi {
 public:
  // All of them outlive this; without `branches`, which may be null, branching is off.
  AdminApi(Core& core, AdminPages& pages, gateway::BranchControl* branches, telemetry::Logger& log);
  AdminApi(const AdminApi&) = delete;
  AdminApi& operator=(const AdminApi&) = delete;

  // Before the first call: from now on the guard of the data port judges here too.
  Status Start(Core& core);
  gateway::AdminDispatcher& dispatcher() { return dispatcher_; }
  const gateway::AdminDispatcher& dispatcher() const { return dispatcher_; }
  // Of the services of this port.
  rpc::HealthService& health() { return health_; }
  // Writes down what was counted of refusals. Now and then, on the control thread; it blocks.
  Status Tidy();
  // The same for the last time, when no calls are led here any more.
  Status Stop();
  // Waits for work on branches that goes on, so that its end is written down; it is to be near. On
  // the control thread, while the pool runs.
  void StopOperations() { branches_.Stop(); }

 private:
  using Services = std::vector<gateway::MethodTable::SystemService>;

  // The services of the API, and the pages.
  Services Offered(AdminPages& pages);
  static std::vector<std::string> NamesOf(const Services& services);
  Services Everything();

  SystemClock clock_;
  gateway::RefusalTrail refusals_;
  WallMillis next_tidy_ = 0;
  gateway::TokenAdminService tokens_;
  gateway::AuditAdminService audit_;
  gateway::NamespaceAdminService namespaces_;
  gateway::BackendAdminService backends_;
  gateway::ConfigAdminService config_;
  gateway::OperationAdminService operations_;
  gateway::BranchAdminService branches_;
  const Services offered_;
  const std::vector<std::string> names_;
  rpc::HealthService health_;
  rpc::ReflectionService reflection_;
  rpc::ReflectionAlphaService reflection_alpha_;
  gateway::MethodTable methods_;
  gateway::AdminRoutes routes_;
  gateway::AdminDispatcher dispatcher_;
};

}  // namespace prism::app
