// API tokens for administrators.
#pragma once

#include "base/clock.h"
#include "contract/implements.h"
#include "models/page_token.h"
#include "prism/admin/v1/tokens.pb.h"
#include "prism/admin/v1/tokens.prism.h"
#include "runtime/blocking_pool.h"
#include "security/token_store.h"

namespace prism::gateway {

// Life cycle: outlives the calls. Thread rule: methods on any shard; the store works on the pool.
class TokenAdminService final : public contract::Implements<prism::admin::v1::TokenAdmin> {
 public:
  static constexpr WallMillis kDay = 24 * 3'600'000;
  static constexpr WallMillis kDefaultTtl = 90 * kDay;
  static constexpr WallMillis kMaxTtl = 3650 * kDay;

  // Everything outlives the service. The file of the tokens has security::AuditPart().
  struct Parts {
    security::TokenStore& tokens;
    runtime::BlockingPool& pool;
    Clock& clock;
  };

  TokenAdminService(const Parts& parts, const models::TokenKey& page_key)
      : parts_(parts), page_key_(page_key) {}

  runtime::Task<Status> Create(contract::CallContext& ctx,
                               const prism::admin::v1::CreateTokenRequest& request,
                               prism::admin::v1::CreateTokenResponse& response) override;
  runtime::Task<Status> List(contract::CallContext& ctx,
                             const prism::admin::v1::ListTokensRequest& request,
                             prism::admin::v1::ListTokensResponse& response) override;
  runtime::Task<Status> Revoke(contract::CallContext& ctx,
                               const prism::admin::v1::RevokeTokenRequest& request,
                               prism::admin::v1::Token& response) override;

 private:
  const Parts parts_;
  const models::TokenKey page_key_;
};

}  // namespace prism::gateway
