// The service prism.admin.v1.NamespaceAdmin.
#pragma once

#include "contract/implements.h"
#include "filter/schema.h"
#include "gateway/admin/admin_call.h"
#include "gateway/admin/config_changes.h"
#include "gateway/admin/config_control.h"
#include "gateway/admin/namespace_changes.h"
#include "namespaces/store/config_reader.h"
#include "prism/admin/v1/namespaces.pb.h"
#include "prism/admin/v1/namespaces.prism.h"
#include "runtime/blocking_pool.h"

namespace prism::gateway {

// Answers for one namespace from what its shard serves, reads the store on threads of a pool and
// changes it on the control's; asks for permission before it looks anything up. Life cycle: made
// before the shards take calls, destroyed after them; all that it is given outlives it. Thread
// rule: methods on any shard.
class NamespaceAdminService final : public contract::Implements<admin::v1::NamespaceAdmin> {
 public:
  // `changes` is told of every table that is served.
  NamespaceAdminService(ConfigControl& control, runtime::BlockingPool& pool, ConfigChanges& changes,
                        OperationStore& operations);

  runtime::Task<Status> Create(contract::CallContext& ctx,
                               const admin::v1::CreateNamespaceRequest& request,
                               admin::v1::Namespace& response) override;
  runtime::Task<Status> Get(contract::CallContext& ctx,
                            const admin::v1::GetNamespaceRequest& request,
                            admin::v1::Namespace& response) override;
  runtime::Task<Status> List(contract::CallContext& ctx,
                             const admin::v1::ListNamespacesRequest& request,
                             admin::v1::ListNamespacesResponse& response) override;
  runtime::Task<Status> Count(contract::CallContext& ctx,
                              const admin::v1::CountNamespacesRequest& request,
                              admin::v1::CountNamespacesResponse& response) override;
  runtime::Task<Status> Update(contract::CallContext& ctx,
                               const admin::v1::UpdateNamespaceRequest& request,
                               admin::v1::Namespace& response) override;
  runtime::Task<Status> Delete(contract::CallContext& ctx,
                               const admin::v1::DeleteNamespaceRequest& request,
                               admin::v1::DeleteNamespaceResponse& response) override;
  runtime::Task<Status> SetFeature(contract::CallContext& ctx,
                                   const admin::v1::SetFeatureRequest& request,
                                   admin::v1::Namespace& response) override;
  runtime::Task<Status> RemoveFeature(contract::CallContext& ctx,
                                      const admin::v1::RemoveFeatureRequest& request,
                                      admin::v1::Namespace& response) override;
  runtime::Task<Status> History(contract::CallContext& ctx,
                                const admin::v1::NamespaceHistoryRequest& request,
                                admin::v1::NamespaceHistoryResponse& response) override;
  runtime::Task<Status> RollBack(contract::CallContext& ctx,
                                 const admin::v1::RollBackNamespaceRequest& request,
                                 admin::v1::RollBackNamespaceResponse& response) override;
  runtime::Task<Status> Watch(contract::CallContext& ctx,
                              const admin::v1::WatchNamespacesRequest& request,
                              contract::Sink<admin::v1::NamespaceEvent> sink) override;

 private:
  using Sink = contract::Sink<admin::v1::NamespaceEvent>;

  // Permission and what else is known before the change.
  static Status MayChange(const contract::CallContext& ctx, std::string_view name,
                          std::string_view reason);
  static Status MayChangeServer(const contract::CallContext& ctx, std::string_view reason);
  // What the filter finds of what the caller may see. On the pool: asks about each namespace.
  Result<namespaces::RecordQuery> QueryOf(const security::CallerRights& rights,
                                          const std::string& filter,
                                          const RoutingTable* table) const;
  Status ReadPast(const admin::v1::GetNamespaceRequest& request,
                  admin::v1::Namespace& response) const;
  Status ReadPage(const admin::v1::ListNamespacesRequest& request, namespaces::RecordQuery query,
                  const RoutingTable* table, admin::v1::ListNamespacesResponse& response) const;
  Status ReadHistory(const admin::v1::NamespaceHistoryRequest& request, std::size_t limit,
                     std::int64_t before, admin::v1::NamespaceHistoryResponse& response) const;
  // Where a watch begins: behind this revision, or behind what is there now.
  Result<std::int64_t> PlaceOf(namespaces::Revision after) const;
  runtime::Task<Status> TellState(contract::CallContext& ctx, const std::string& filter, Sink sink);
  runtime::Task<Status> TellChanges(contract::CallContext& ctx, const filter::Filter& filter,
                                    std::int64_t place, Sink sink);

  ConfigControl& control_;
  runtime::BlockingPool& pool_;
  ConfigChanges& changes_;
  const namespaces::ConfigReader reader_;
  NamespaceChanges writer_;
  const filter::Schema schema_;
  const PageTokens tokens_;
};

}  // namespace prism::gateway
