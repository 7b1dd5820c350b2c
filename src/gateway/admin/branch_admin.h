// PostgreSQL branches for administrators.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "contract/implements.h"
#include "gateway/admin/admin_call.h"
#include "gateway/admin/branch_control.h"
#include "gateway/admin/branch_operations.h"
#include "prism/admin/v1/branches.pb.h"
#include "prism/admin/v1/branches.prism.h"
#include "runtime/blocking_pool.h"
#include "security/audit_log.h"
#include "sqlite/database.h"

namespace prism::gateway {

// Life cycle: construct (the shards are running), Stop, destroy; outlives the calls. Thread rule:
// methods on any shard; what blocks is on the pool.
class BranchAdminService final : public contract::Implements<prism::admin::v1::BranchAdmin> {
 public:
  // Everything outlives the service.
  struct Parts {
    BranchControl* control = nullptr;  // null: branching is off
    runtime::BlockingPool& pool;
    sqlite::Database& database;  // has security::AuditPart()
    Clock& clock;
    runtime::ShardPool& shards;
    OperationStore& operations;
    ConfigChanges& changes;  // rings when an operation ends
    MonoNanos moment = BranchOperations::kMoment;
  };

  explicit BranchAdminService(const Parts& parts)
      : parts_(parts),
        operations_({.shards = parts.shards,
                     .pool = parts.pool,
                     .operations = parts.operations,
                     .changes = parts.changes,
                     .moment = parts.moment}) {}
  // As BranchOperations::Stop.
  void Stop() { operations_.Stop(); }

  runtime::Task<Status> List(contract::CallContext& ctx,
                             const prism::admin::v1::ListBranchesRequest& request,
                             prism::admin::v1::ListBranchesResponse& response) override;
  runtime::Task<Status> Get(contract::CallContext& ctx,
                            const prism::admin::v1::GetBranchRequest& request,
                            prism::admin::v1::Branch& response) override;
  runtime::Task<Status> ReadLog(contract::CallContext& ctx,
                                const prism::admin::v1::ReadBranchLogRequest& request,
                                prism::admin::v1::BranchLog& response) override;
  runtime::Task<Status> Create(contract::CallContext& ctx,
                               const prism::admin::v1::CreateBranchRequest& request,
                               prism::admin::v1::Branch& response) override;
  runtime::Task<Status> Delete(contract::CallContext& ctx,
                               const prism::admin::v1::DeleteBranchRequest& request,
                               prism::admin::v1::Branch& response) override;
  runtime::Task<Status> Update(contract::CallContext& ctx,
                               const prism::admin::v1::UpdateBranchRequest& request,
                               prism::admin::v1::Branch& response) override;
  runtime::Task<Status> CreateSnapshot(contract::CallContext& ctx,
                                       const prism::admin::v1::CreateSnapshotRequest& request,
                                       prism::admin::v1::Snapshot& response) override;
  runtime::Task<Status> ListSnapshots(contract::CallContext& ctx,
                                      const prism::admin::v1::ListSnapshotsRequest& request,
                                      prism::admin::v1::ListSnapshotsResponse& response) override;
  runtime::Task<Status> DeleteSnapshot(contract::CallContext& ctx,
                                       const prism::admin::v1::DeleteSnapshotRequest& request,
                                       prism::admin::v1::Snapshot& response) override;
  runtime::Task<Status> Reset(contract::CallContext& ctx,
                              const prism::admin::v1::ResetBranchRequest& request,
                              prism::admin::v1::Branch& response) override;
  runtime::Task<Status> Restore(contract::CallContext& ctx,
                                const prism::admin::v1::RestoreBranchRequest& request,
                                prism::admin::v1::Branch& response) override;
  runtime::Task<Status> Rename(contract::CallContext& ctx,
                               const prism::admin::v1::RenameBranchRequest& request,
                               prism::admin::v1::Branch& response) override;
  runtime::Task<Status> Stop(contract::CallContext& ctx,
                             const prism::admin::v1::StopBranchRequest& request,
                             prism::admin::v1::Branch& response) override;
  runtime::Task<Status> Undelete(contract::CallContext& ctx,
                                 const prism::admin::v1::UndeleteBranchRequest& request,
                                 prism::admin::v1::Branch& response) override;
  runtime::Task<Status> ListSources(contract::CallContext& ctx,
                                    const prism::admin::v1::ListBranchSourcesRequest& request,
                                    prism::admin::v1::ListBranchSourcesResponse& response) override;
  runtime::Task<Status> AddSource(contract::CallContext& ctx,
                                  const prism::admin::v1::AddBranchSourceRequest& request,
                                  prism::admin::v1::BranchSource& response) override;
  runtime::Task<Status> RefreshSource(contract::CallContext& ctx,
                                      const prism::admin::v1::RefreshBranchSourceRequest& request,
                                      prism::admin::v1::BranchSource& response) override;
  runtime::Task<Status> RemoveSource(contract::CallContext& ctx,
                                     const prism::admin::v1::RemoveBranchSourceRequest& request,
                                     prism::admin::v1::BranchSource& response) override;

 private:
  // A change of a branch to be recorded once it is made, whatever has become of its call.
  struct Change {
    security::AuditEntry entry = {};
    std::optional<BranchInfo> before = {};
    std::string reason;
  };
  // Of work that may be an operation.
  struct WorkKind {
    std::string_view action;  // of the audit
    std::string_view kind;
    bool background;
  };

  // PERMISSION_DENIED/ACCESS_DENIED, FAILED_PRECONDITION/BRANCHING_OFF.
  Status Check(const contract::CallContext& ctx) const;
  // By name or by label, on the pool.
  runtime::Task<Result<BranchInfo>> FindBranch(contract::CallContext& ctx, const std::string& name);
  // In the audit: `action` made `after` of `before`, which may be null. `flags`: what else was
  // asked for.
  runtime::Task<Status> RecordChange(const contract::CallContext& ctx, std::string_view action,
                                     const BranchInfo* before, const BranchInfo& after,
                                     const std::string& reason,
                                     std::vector<std::string> flags = {});
  // Of a snapshot of the branch that the entry is about.
  runtime::Task<Status> RecordSnapshot(security::AuditEntry entry, SnapshotInfo snapshot,
                                       std::string reason);
  runtime::Task<Status> RecordSource(security::AuditEntry entry, SourceInfo source,
                                     std::string reason);
  // What makes or replaces the data of the branch `name`, to its end or in the background.
  runtime::Task<Status> RunBranchWork(contract::CallContext& ctx, WorkKind kind, std::string name,
                                      runtime::Task<Result<BranchInfo>> work, Change change,
                                      prism::admin::v1::Branch& response);
  BranchOperations::Work RecordBranch(runtime::Task<Result<BranchInfo>> work, Change change,
                                      std::shared_ptr<BranchInfo> made);
  BranchOperations::Work TakeSnapshot(std::string branch, std::string snapshot,
                                      security::AuditEntry entry, std::string reason,
                                      std::shared_ptr<SnapshotInfo> taken);
  // What copies the source `name`, to its end or in the background.
  runtime::Task<Status> RunSourceWork(contract::CallContext& ctx, WorkKind kind, std::string name,
                                      runtime::Task<Result<SourceInfo>> work, std::string reason,
                                      prism::admin::v1::BranchSource& response);
  BranchOperations::Work WorkAndRecord(runtime::Task<Result<SourceInfo>> work,
                                       security::AuditEntry entry, std::string reason,
                                       std::shared_ptr<SourceInfo> made);
  // Whether or not somebody still waits for the answer.
  runtime::Task<Status> Record(security::AuditEntry entry);

  const Parts parts_;
  BranchOperations operations_;
  const PageTokens page_tokens_;
};

}  // namespace prism::gateway
