// The service prism.admin.v1.BackendAdmin.
#pragma once

#include <functional>
#include <string>

#include "contract/implements.h"
#include "filter/schema.h"
#include "gateway/admin/admin_call.h"
#include "gateway/admin/config_changes.h"
#include "gateway/admin/config_control.h"
#include "namespaces/store/config_reader.h"
#include "prism/admin/v1/backends.pb.h"
#include "prism/admin/v1/backends.prism.h"
#include "runtime/blocking_pool.h"

namespace prism::gateway {

// For administrators of the server. Life cycle: made before the shards take calls, destroyed after
// them; all that it is given outlives it. Thread rule: methods on any shard.
class BackendAdminService final : public contract::Implements<admin::v1::BackendAdmin> {
 public:
  BackendAdminService(ConfigControl& control, runtime::BlockingPool& pool, ConfigChanges& changes);

  runtime::Task<Status> Create(contract::CallContext& ctx,
                               const admin::v1::CreateBackendRequest& request,
                               admin::v1::Backend& response) override;
  runtime::Task<Status> Get(contract::CallContext& ctx, const admin::v1::GetBackendRequest& request,
                            admin::v1::Backend& response) override;
  runtime::Task<Status> List(contract::CallContext& ctx,
                             const admin::v1::ListBackendsRequest& request,
                             admin::v1::ListBackendsResponse& response) override;
  runtime::Task<Status> Update(contract::CallContext& ctx,
                               const admin::v1::UpdateBackendRequest& request,
                               admin::v1::Backend& response) override;
  runtime::Task<Status> Delete(contract::CallContext& ctx,
                               const admin::v1::DeleteBackendRequest& request,
                               admin::v1::DeleteBackendResponse& response) override;
  runtime::Task<Status> History(contract::CallContext& ctx,
                                const admin::v1::BackendHistoryRequest& request,
                                admin::v1::BackendHistoryResponse& response) override;

 private:
  // What becomes of a backend; nothing: it goes.
  using Edit = std::function<Result<std::optional<namespaces::BackendConfig>>(
      const namespaces::BackendConfig& old, const namespaces::Snapshot& current)>;

  static Status MayChange(const contract::CallContext& ctx, std::string_view reason);

  // --- on the control's thread ---
  Status Make(const contract::CallContext& ctx, const admin::v1::CreateBackendRequest& request,
              admin::v1::Backend& response);
  Result<ConfigControl::Outcome> Change(const contract::CallContext& ctx, std::string_view action,
                                        const std::string& name, namespaces::Revision seen,
                                        const Edit& edit, const ConfigControl::Options& options);
  Status Answer(const std::string& name, const ConfigControl::Outcome& outcome, bool dry_run,
                admin::v1::Backend& response) const;

  // --- on the pool ---
  Status ReadOne(const admin::v1::GetBackendRequest& request, const RoutingTable* table,
                 admin::v1::Backend& response) const;
  Status ReadPage(const admin::v1::ListBackendsRequest& request,
                  const namespaces::RecordQuery& query, const RoutingTable* table,
                  admin::v1::ListBackendsResponse& response) const;
  Status ReadHistory(const admin::v1::BackendHistoryRequest& request, std::size_t limit,
                     std::int64_t before, admin::v1::BackendHistoryResponse& response) const;

  ConfigControl& control_;
  runtime::BlockingPool& pool_;
  ConfigChanges& changes_;
  const namespaces::ConfigReader reader_;
  const filter::Schema schema_;
  const PageTokens tokens_;
};

}  // namespace prism::gateway
