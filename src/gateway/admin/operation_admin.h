// The service prism.admin.v1.OperationAdmin.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "contract/implements.h"
#include "gateway/admin/admin_call.h"
#include "gateway/admin/config_changes.h"
#include "gateway/admin/operation_store.h"
#include "prism/admin/v1/operations.pb.h"
#include "prism/admin/v1/operations.prism.h"
#include "runtime/blocking_pool.h"

namespace prism::gateway {

void ToProto(const OperationRecord& record, admin::v1::Operation& message);

// For administrators of the server. Life cycle: made before the shards take calls, destroyed after
// them; all that it is given outlives it. Thread rule: methods on any shard.
class OperationAdminService final : public contract::Implements<admin::v1::OperationAdmin> {
 public:
  // How far what goes on has come; empty: it can't be said. On a thread of the pool.
  using Progress = std::function<std::string(const OperationRecord& record)>;

  // `changes` rings when an operation ends.
  OperationAdminService(OperationStore& operations, runtime::BlockingPool& pool,
                        ConfigChanges& changes, Progress progress = {})
      : operations_(operations), pool_(pool), changes_(changes), progress_(std::move(progress)) {}

  runtime::Task<Status> Get(contract::CallContext& ctx,
                            const admin::v1::GetOperationRequest& request,
                            admin::v1::Operation& response) override;
  runtime::Task<Status> List(contract::CallContext& ctx,
                             const admin::v1::ListOperationsRequest& request,
                             admin::v1::ListOperationsResponse& response) override;

 private:
  void Describe(const OperationRecord& record, admin::v1::Operation& message) const;
  Status ReadOne(const std::string& name, admin::v1::Operation& response);
  Status ReadPage(std::int64_t before, std::size_t limit,
                  admin::v1::ListOperationsResponse& response);

  OperationStore& operations_;
  runtime::BlockingPool& pool_;
  ConfigChanges& changes_;
  const Progress progress_;
  const PageTokens tokens_;
};

}  // namespace prism::gateway
