// The service prism.admin.v1.ConfigAdmin.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "contract/implements.h"
#include "gateway/admin/admin_call.h"
#include "gateway/admin/config_changes.h"
#include "gateway/admin/config_control.h"
#include "gateway/admin/operation_store.h"
#include "namespaces/store/config_reader.h"
#include "prism/admin/v1/config.pb.h"
#include "prism/admin/v1/config.prism.h"
#include "runtime/blocking_pool.h"

namespace prism::gateway {

// For administrators of the server. Life cycle: made before the shards take calls, destroyed after
// them and after the pool was stopped; all that it is given outlives it. Thread rule: methods on
// any shard.
class ConfigAdminService final : public contract::Implements<admin::v1::ConfigAdmin> {
 public:
  struct Parts {
    ConfigControl& control;
    runtime::BlockingPool& pool;
    // A single thread, for what reads a whole configuration: one after the other, in order.
    runtime::BlockingPool& whole_reads;
    ConfigChanges& changes;  // rings when an operation has ended
    OperationStore& operations;
    // Makes a backup now and answers its path; on a thread of the pool, one after the other.
    std::function<Result<std::string>()> back_up;
  };

  explicit ConfigAdminService(Parts parts);

  runtime::Task<Status> Export(contract::CallContext& ctx,
                               const admin::v1::ExportConfigRequest& request,
                               contract::Sink<admin::v1::ExportConfigResponse> sink) override;
  runtime::Task<Status> Import(contract::CallContext& ctx,
                               const admin::v1::ImportConfigRequest& request,
                               admin::v1::ImportConfigResponse& response) override;
  runtime::Task<Status> ImportPieces(contract::CallContext& ctx,
                                     contract::Source<admin::v1::ImportConfigRequest> pieces,
                                     admin::v1::ImportConfigResponse& response) override;
  runtime::Task<Status> Diff(contract::CallContext& ctx,
                             const admin::v1::DiffConfigRequest& request,
                             admin::v1::DiffConfigResponse& response) override;
  runtime::Task<Status> DiffPieces(contract::CallContext& ctx,
                                   contract::Source<admin::v1::DiffConfigRequest> pieces,
                                   admin::v1::DiffConfigResponse& response) override;
  runtime::Task<Status> ListRevisions(contract::CallContext& ctx,
                                      const admin::v1::ListRevisionsRequest& request,
                                      admin::v1::ListRevisionsResponse& response) override;
  runtime::Task<Status> RollBack(contract::CallContext& ctx,
                                 const admin::v1::RollBackConfigRequest& request,
                                 admin::v1::RollBackConfigResponse& response) override;
  runtime::Task<Status> VerifyHistory(contract::CallContext& ctx,
                                      const admin::v1::VerifyHistoryRequest& request,
                                      admin::v1::VerifyHistoryResponse& response) override;
  runtime::Task<Status> BackUp(contract::CallContext& ctx,
                               const admin::v1::BackUpConfigRequest& request,
                               admin::v1::Operation& response) override;

 private:
  static Status MayChange(const contract::CallContext& ctx, std::string_view reason);
  runtime::Task<Status> ImportText(contract::CallContext& ctx, std::string_view action,
                                   const admin::v1::ImportConfigRequest& request,
                                   admin::v1::ImportConfigResponse& response);
  runtime::Task<Status> DiffText(contract::CallContext& ctx,
                                 const admin::v1::DiffConfigRequest& request,
                                 admin::v1::DiffConfigResponse& response);

  // --- on threads that may block ---
  using Served = std::shared_ptr<const RoutingTable>;
  // Revision 0: what is served.
  Result<namespaces::StoredConfig> ConfigAt(namespaces::Revision revision,
                                            const Served& served) const;
  Status Compare(const admin::v1::DiffConfigRequest& request, const Served& served,
                 admin::v1::DiffConfigResponse& response) const;
  Status ReadRevisions(namespaces::Revision before, std::size_t limit,
                       admin::v1::ListRevisionsResponse& response) const;
  Status Verify(admin::v1::VerifyHistoryResponse& response) const;
  Status BeginBackUp(const contract::CallContext& ctx, admin::v1::Operation& response);
  void RunBackUp(std::int64_t operation);

  // --- on the control's thread ---
  // Applies the plan and says in the response what has changed.
  template <class Response>
  Status Change(const contract::CallContext& ctx, std::string_view action,
                namespaces::Revision seen, const ConfigControl::Plan& plan,
                const ConfigControl::Options& options, Response& response);

  const Parts parts_;
  const namespaces::ConfigReader reader_;
  const PageTokens tokens_;
  std::atomic<bool> backing_up_ = false;
};

}  // namespace prism::gateway
