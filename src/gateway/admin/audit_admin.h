// The audit for administrators.
#pragma once

#include "contract/implements.h"
#include "models/page_token.h"
#include "namespaces/store/config_store.h"
#include "prism/admin/v1/audit.pb.h"
#include "prism/admin/v1/audit.prism.h"
#include "runtime/blocking_pool.h"

namespace prism::gateway {

// Life cycle: outlives the calls. Thread rule: methods on any shard; the store works on the pool.
class AuditAdminService final : public contract::Implements<prism::admin::v1::AuditAdmin> {
 public:
  // Everything outlives the service. The store has security::AuditPart(), and its chain is the
  // audit.
  struct Parts {
    namespaces::ConfigStore& store;
    runtime::BlockingPool& pool;
  };

  AuditAdminService(const Parts& parts, const models::TokenKey& page_key)
      : parts_(parts), page_key_(page_key) {}

  runtime::Task<Status> List(contract::CallContext& ctx,
                             const prism::admin::v1::ListAuditRequest& request,
                             prism::admin::v1::ListAuditResponse& response) override;
  runtime::Task<Status> Verify(contract::CallContext& ctx,
                               const prism::admin::v1::VerifyAuditRequest& request,
                               prism::admin::v1::VerifyAuditResponse& response) override;
  runtime::Task<Status> Export(contract::CallContext& ctx,
                               const prism::admin::v1::ExportAuditRequest& request,
                               contract::Sink<prism::admin::v1::AuditEntry> sink) override;

 private:
  const Parts parts_;
  const models::TokenKey page_key_;
};

}  // namespace prism::gateway
