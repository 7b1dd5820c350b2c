#include "gateway/admin/token_admin.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>
#include <vector>

#include "gateway/admin/audit_trail.h"
#include "gateway/admin/on_pool.h"
#include "gateway/admin/page_size.h"
#include "gateway/admin/times.h"
#include "security/audit_log.h"
#include "security/caller_rights.h"

namespace prism::gateway {

namespace pb = prism::admin::v1;

namespace {

constexpr std::string_view kCreate = "/prism.admin.v1.TokenAdmin/Create";
constexpr std::string_view kRevoke = "/prism.admin.v1.TokenAdmin/Revoke";
constexpr std::string_view kList = "token_admin.list";

pb::Token::State StateOf(const security::TokenInfo& token, WallMillis now) {
  if (token.damaged) return pb::Token::DAMAGED;
  if (token.revoked_at) return pb::Token::REVOKED;
  return token.expires_at && *token.expires_at <= now ? pb::Token::EXPIRED : pb::Token::ACTIVE;
}

void Describe(const security::TokenInfo& token, WallMillis now, pb::Token& into) {
  into.set_name(token.name);
  into.set_principal(token.principal);
  into.set_scope(token.scope.ToString());
  if (token.expires_at) SetTime(*token.expires_at, *into.mutable_expire_time());
  into.set_id(token.id);
  into.set_state(StateOf(token, now));
  SetTime(token.created_at, *into.mutable_create_time());
  into.set_created_by(token.created_by);
  if (token.revoked_at) SetTime(*token.revoked_at, *into.mutable_revoke_time());
  into.set_revoked_by(token.revoked_by);
  if (token.last_used_at) SetTime(*token.last_used_at, *into.mutable_last_use_time());
}

Error BadExpiry(std::string_view field, std::string_view what) {
  return InvalidField("EXPIRY_INVALID", std::string(field), std::string(what));
}

// Nothing: it never expires.
Result<std::optional<WallMillis>> ExpiryOf(const pb::CreateTokenRequest& request, WallMillis now) {
  const int said =
      int{request.has_ttl()} + int{request.has_expire_time()} + int{request.never_expires()};
  if (said > 1) {
    return std::unexpected(
        BadExpiry("ttl", "and expire_time and never_expires exclude each other: give one"));
  }
  if (request.never_expires()) return std::nullopt;
  constexpr std::int64_t kMaxSeconds = TokenAdminService::kMaxTtl / 1000;
  if (request.has_expire_time()) {
    const std::int64_t seconds = request.expire_time().seconds();
    if (seconds < now / 1000 || seconds > now / 1000 + kMaxSeconds ||
        MillisOf(request.expire_time()) <= now) {
      return std::unexpected(
          BadExpiry("expire_time", "must be in the future, at most 3650 days from now"));
    }
    return MillisOf(request.expire_time());
  }
  if (!request.has_ttl()) return now + TokenAdminService::kDefaultTtl;
  const std::int64_t seconds = request.ttl().seconds();
  if (seconds < 1 || seconds > kMaxSeconds) {
    return std::unexpected(BadExpiry("ttl", "must be from 1 s to 3650 days"));
  }
  return now + MillisOf(request.ttl());
}

Result<security::NewToken> ToNewToken(const pb::CreateTokenRequest& request, WallMillis now) {
  security::NewToken token{
      .name = request.name(), .principal = request.principal(), .scope = {}, .expires_at = {}};
  TRY_ASSIGN(token.scope, security::TokenScope::Parse(request.scope()));
  TRY_ASSIGN(token.expires_at, ExpiryOf(request, now));
  return token;
}

security::TokenStore::Also Recording(security::AuditEntry entry, WallMillis now) {
  return [entry = std::move(entry), now](sqlite::Connection& connection,
                                         const security::TokenInfo& token) mutable -> Status {
    entry.object = "token/" + token.id;
    entry.after = security::TokenJson(token);
    if (token.revoked_at) {
      security::TokenInfo before = token;
      before.revoked_at.reset();
      before.revoked_by.clear();
      entry.before = security::TokenJson(before);
    }
    TRY(security::AppendAudit(connection, entry, now));
    return {};
  };
}

// Where a list goes on: behind this token, which may be gone by then.
struct Position {
  WallMillis created_at = 0;
  std::string id;

  bool IsBefore(const security::TokenInfo& token) const {
    if (token.created_at != created_at) return token.created_at < created_at;
    return token.id > id;
  }
};

Result<std::optional<Position>> PositionOf(const models::TokenKey& key,
                                           const models::TokenScope& scope,
                                           const std::string& page_token) {
  if (page_token.empty()) return std::nullopt;
  TRY_ASSIGN(const std::string text, models::ReadPageToken(key, scope, page_token));
  Position position;
  const auto [end, ignored] =
      std::from_chars(text.data(), text.data() + text.size(), position.created_at);
  position.id = std::string_view(end, text.data() + text.size()).substr(1);  // after the dash
  return position;
}

}  // namespace

runtime::Task<Status> TokenAdminService::Create(contract::CallContext& ctx,
                                                const pb::CreateTokenRequest& request,
                                                pb::CreateTokenResponse& response) {
  CO_TRY(ctx.rights->CheckServer());
  const WallMillis now = parts_.clock.Now();
  CO_TRY_ASSIGN(const security::NewToken token, ToNewToken(request, now));
  const std::string by(ctx.principal);
  const auto record = Recording(EntryOf(ctx, kCreate, {}), now);
  CO_TRY_ASSIGN(const auto created, co_await OnPool(ctx, parts_.pool, [&] {
                  return parts_.tokens.Create(token, by, record);
                }));
  Describe(created.info, now, *response.mutable_token());
  response.set_text(created.text);
  co_return Status();
}

runtime::Task<Status> TokenAdminService::List(contract::CallContext& ctx,
                                              const pb::ListTokensRequest& request,
                                              pb::ListTokensResponse& response) {
  CO_TRY(ctx.rights->CheckServer());
  CO_TRY_ASSIGN(const std::size_t page_size, PageSizeOf(request.page_size()));
  const models::TokenScope scope{
      .ns = "", .method = kList, .query = request.active_only() ? "active" : ""};
  CO_TRY_ASSIGN(const std::optional<Position> after,
                PositionOf(page_key_, scope, request.page_token()));
  CO_TRY_ASSIGN(const auto tokens,
                co_await OnPool(ctx, parts_.pool, [&] { return parts_.tokens.List(); }));
  const WallMillis now = parts_.clock.Now();
  const security::TokenInfo* last = nullptr;
  for (const security::TokenInfo& token : tokens) {
    if (after && !after->IsBefore(token)) continue;
    if (request.active_only() && StateOf(token, now) != pb::Token::ACTIVE) continue;
    if (static_cast<std::size_t>(response.tokens_size()) == page_size) {
      response.set_next_page_token(models::MakePageToken(
          page_key_, scope, fmt::format("{}-{}", last->created_at, last->id)));
      break;
    }
    Describe(token, now, *response.add_tokens());
    last = &token;
  }
  co_return Status();
}

runtime::Task<Status> TokenAdminService::Revoke(contract::CallContext& ctx,
                                                const pb::RevokeTokenRequest& request,
                                                pb::Token& response) {
  CO_TRY(ctx.rights->CheckServer());
  const WallMillis now = parts_.clock.Now();
  const std::string by(ctx.principal);
  const auto record = Recording(EntryOf(ctx, kRevoke, {}), now);
  CO_TRY_ASSIGN(const auto revoked, co_await OnPool(ctx, parts_.pool, [&] {
                  return parts_.tokens.Revoke(request.id(), by, record);
                }));
  Describe(revoked, parts_.clock.Now(), response);
  co_return Status();
}

}  // namespace prism::gateway
