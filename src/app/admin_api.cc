#include "app/admin_api.h"

namespace prism::app {

AdminApi::AdminApi(Core& core, AdminPages& pages, gateway::BranchControl* branches,
                   telemetry::Logger& log)
    : refusals_({.pool = core.pool(), .database = core.database(), .clock = clock_, .log = log}),
      tokens_({.tokens = core.tokens(), .pool = core.pool(), .clock = clock_},
              models::TokenKey::Random()),
      audit_({.store = core.control().store(), .pool = core.pool()}, models::TokenKey::Random()),
      namespaces_(core.control(), core.pool(), core.changes(), core.operations()),
      backends_(core.control(), core.pool(), core.changes()),
      config_({.control = core.control(),
               .pool = core.pool(),
               .whole_reads = core.whole_reads(),
               .changes = core.changes(),
               .operations = core.operations(),
               .back_up = [&core] { return core.BackUpNow(); }}),
      operations_(core.operations(), core.pool(), core.changes(),
                  [branches](const gateway::OperationRecord& record) {
                    return gateway::ProgressOf(branches, record);
                  }),
      branches_({.control = branches,
                 .pool = core.pool(),
                 .database = core.database(),
                 .clock = clock_,
                 .shards = core.shards(),
                 .operations = core.operations(),
                 .changes = core.changes()}),
      offered_(Offered(pages)),
      names_(NamesOf(offered_)),
      health_(core.shards(), names_),
      reflection_(names_),
      reflection_alpha_(names_),
      methods_({}, Everything()),
      routes_(methods_.interfaces()),
      dispatcher_({.shards = core.shards(),
                   .methods = methods_,
                   .clock = clock_,
                   .log = log,
                   .routes = &routes_,
                   .refusals = &refusals_},
                  security::Guard::Open()) {}

Status AdminApi::Start(Core& core) {
  return core.FollowGuard([this](const auto& guard) { dispatcher_.UseGuard(guard); });
}

Status AdminApi::Tidy() {
  const WallMillis now = clock_.Now();
  if (now < next_tidy_) return {};
  next_tidy_ = now + gateway::RefusalTrail::kWindow;
  return refusals_.Flush();
}

Status AdminApi::Stop() { return refusals_.Flush(true); }

AdminApi::Services AdminApi::Offered(AdminPages& pages) {
  Services services;
  gateway::MethodTable::AddTo(services, pages, true);
  gateway::MethodTable::AddTo(services, tokens_);
  gateway::MethodTable::AddTo(services, audit_);
  gateway::MethodTable::AddTo(services, namespaces_);
  gateway::MethodTable::AddTo(services, backends_);
  gateway::MethodTable::AddTo(services, config_);
  gateway::MethodTable::AddTo(services, operations_);
  gateway::MethodTable::AddTo(services, branches_);
  return services;
}

std::vector<std::string> AdminApi::NamesOf(const Services& services) {
  std::vector<std::string> names = {
      std::string(::grpc::health::v1::Health::kInterface.service),
      std::string(::grpc::reflection::v1::ServerReflection::kInterface.service),
      std::string(::grpc::reflection::v1alpha::ServerReflection::kInterface.service)};
  for (const auto& service : services) names.emplace_back(service.interface->service);
  return names;
}

AdminApi::Services AdminApi::Everything() {
  Services services = offered_;
  gateway::MethodTable::AddTo(services, health_, true);
  gateway::MethodTable::AddTo(services, reflection_);
  gateway::MethodTable::AddTo(services, reflection_alpha_);
  return services;
}

}  // namespace prism::app
