#include "security/token_table.h"

#include <algorithm>
#include <utility>

namespace prism::security {

namespace {

// Compared with when there is no such token, so that this takes as long. No secret has this hash
// that anybody knows.
constexpr SecretHash kNobody{};

Error Refused(std::string_view reason, std::string message) {
  return Error(Code::kUnauthenticated, reason, std::move(message));
}

}  // namespace

TokenTable::TokenTable(std::vector<Row> rows) {
  tokens_.reserve(rows.size());
  for (Row& row : rows) {
    auto token = std::make_unique<Token>();
    token->info = std::move(row.info);
    token->hash = row.hash;
    token->used_at = token->info.last_used_at.value_or(0);
    by_id_.emplace(token->info.id, token.get());
    if (token->info.damaged) ++damaged_;
    tokens_.push_back(std::move(token));
  }
}

Result<const TokenInfo*> TokenTable::Verify(std::string_view text, WallMillis now) const {
  const auto parts = ParseToken(text);
  if (!parts) {
    return std::unexpected(
        Refused("TOKEN_MALFORMED",
                "this is no token, or one with a typing mistake: send it as it was "
                "printed when it was made, all of it"));
  }
  const auto at = by_id_.find(parts->id);
  Token* token = at == by_id_.end() || at->second->info.damaged ? nullptr : at->second;
  const bool same = SameHash(HashSecret(parts->secret), token != nullptr ? token->hash : kNobody);
  if (token == nullptr || !same) {
    return std::unexpected(
        Refused("TOKEN_UNKNOWN",
                "there is no such token here: is it for another server, or has it been removed? "
                "An administrator makes one with `prism token create`"));
  }
  const TokenInfo& info = token->info;
  if (info.revoked_at) {
    return std::unexpected(Refused(
        "TOKEN_REVOKED", "the token has been revoked: ask an administrator for another one"));
  }
  if (info.expires_at && now >= *info.expires_at) {
    return std::unexpected(
        Refused("TOKEN_EXPIRED", "the token has expired: ask an administrator for another one"));
  }
  const WallMillis hour = now - now % kTokenUseGrain;
  if (token->used_at.load(std::memory_order_relaxed) < hour) {
    token->used_at.store(hour, std::memory_order_relaxed);
  }
  return &info;
}

std::optional<WallMillis> TokenTable::NextExpiry(WallMillis now) const {
  std::optional<WallMillis> next;
  for (const auto& token : tokens_) {
    const TokenInfo& info = token->info;
    if (info.damaged || info.revoked_at || info.expires_at.value_or(now) <= now) continue;
    next = std::min(next.value_or(*info.expires_at), *info.expires_at);
  }
  return next;
}

std::vector<TokenTable::Use> TokenTable::NewUses() const {
  std::vector<Use> uses;
  for (const auto& token : tokens_) {
    const WallMillis at = token->used_at.load(std::memory_order_relaxed);
    if (at > token->info.last_used_at.value_or(0)) uses.push_back({token->info.id, at});
  }
  return uses;
}

}  // namespace prism::security
