// What administrators do with the sources of branches: a part of BranchAdministrator.
#include <cstdint>
#include <utility>

#include "app/branch_administrator.h"
#include "app/branch_source.h"

namespace prism::app {

namespace pb = prism::admin::v1;
using branching::SourcePhase;
using branching::SourceStatus;
using gateway::SourceInfo;
using gateway::SourceWish;
using runtime::Task;

namespace {

using Kind = namespaces::BranchSourceConfig::Kind;

pb::BranchSource::State StateOf(SourcePhase phase) {
  switch (phase) {
    case SourcePhase::kPreparing:
      return pb::BranchSource::PREPARING;
    case SourcePhase::kReady:
      return pb::BranchSource::READY;
    case SourcePhase::kRefreshing:
      return pb::BranchSource::REFRESHING;
    case SourcePhase::kRemoving:
      return pb::BranchSource::REMOVING;
  }
  return pb::BranchSource::STATE_UNSPECIFIED;
}

pb::BranchSource::Kind KindOf(Kind kind) {
  switch (kind) {
    case Kind::kDump:
      return pb::BranchSource::DUMP;
    case Kind::kManaged:
      return pb::BranchSource::MANAGED;
    case Kind::kTemplate:
      break;
  }
  return pb::BranchSource::TEMPLATE;
}

Kind KindOf(pb::BranchSource::Kind kind) {
  if (kind == pb::BranchSource::DUMP) return Kind::kDump;
  return kind == pb::BranchSource::MANAGED ? Kind::kManaged : Kind::kTemplate;
}

}  // namespace

SourceInfo BranchAdministrator::Describe(const SourceStatus& status) const {
  const branching::AddedSource& added = status.source;
  const bool is_default = added.name == branching::kSourceName;
  const namespaces::BranchSourceConfig config = is_default ? source_ : ConfigOf(added);
  SourceInfo info{.name = added.name,
                  .kind = KindOf(config.kind),
                  .path = config.path,
                  .roles = config.roles,
                  .is_default = is_default,
                  .state = StateOf(status.phase),
                  .generation = {},
                  .last_error = status.failure ? status.failure->ToString() : "",
                  .failed_at = status.failed_at,
                  .branches = status.branches,
                  .created_at = added.created_at,
                  .created_by = added.created_by};
  if (!status.newest) return info;
  info.generation = {.created_at = status.newest->as_of,
                     .checkpoint_lsn = status.newest->checkpoint_lsn,
                     .postgres_version = status.newest->major,
                     .size_bytes = 0,  // until it is measured
                     .timeline = status.newest->timeline,
                     .system_identifier = status.newest->system_identifier};
  if (status.usage) {
    info.generation->size_bytes =
        static_cast<std::int64_t>(status.usage->own_bytes + status.usage->shared_bytes);
  }
  return info;
}

Result<std::vector<SourceInfo>> BranchAdministrator::ListSources() {
  TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  std::vector<SourceInfo> list;
  for (const SourceStatus& status : manager->ListSources()) list.push_back(Describe(status));
  return list;
}

Task<Result<SourceInfo>> BranchAdministrator::AddSource(SourceWish wish) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  branching::AddedSource added{.name = std::move(wish.name),
                               .kind = std::string(KindName(KindOf(wish.kind))),
                               .path = std::move(wish.path),
                               .roles = std::move(wish.roles),
                               .password = std::move(wish.password),
                               .created_by = std::move(wish.by)};
  CO_TRY_ASSIGN(const SourceStatus status, co_await manager->AddSource(std::move(added)));
  co_return Describe(status);
}

Task<Result<SourceInfo>> BranchAdministrator::RefreshSource(std::string name) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(const SourceStatus status, co_await manager->RefreshSource(std::move(name)));
  co_return Describe(status);
}

Task<Result<SourceInfo>> BranchAdministrator::RemoveSource(std::string name, bool force) {
  CO_TRY_ASSIGN(branching::BranchManager* const manager, manager_());
  CO_TRY_ASSIGN(const SourceStatus status, co_await manager->RemoveSource(std::move(name), force));
  co_return Describe(status);
}

}  // namespace prism::app
