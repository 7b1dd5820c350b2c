// All API tokens as the request path sees them.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "security/scope.h"
#include "security/token_text.h"

namespace prism::security {

// What may be known about a token by those who administer it: never the secret, nor its hash.
struct TokenInfo {
  std::string id;
  std::string name;  // for people
  std::string principal;
  TokenScope scope;
  WallMillis created_at = 0;
  std::string created_by;
  std::optional<WallMillis> expires_at = {};  // the first moment at which it counts no more
  std::optional<WallMillis> revoked_at = {};
  std::string revoked_by = {};
  std::optional<WallMillis> last_used_at = {};  // to the hour
  // The row is not as it was written: the token is refused, and the rest here is not to be
  // believed.
  bool damaged = false;
};

inline constexpr WallMillis kTokenUseGrain = WallMillis{3600} * 1000;

// Immutable but for the times of use. Life cycle: made after each change of the tokens and shared
// by all shards; what Verify answers lives as long as the table. Thread-safe.
class TokenTable {
 public:
  struct Row {
    TokenInfo info;
    SecretHash hash{};
  };
  struct Use {
    std::string id;
    WallMillis at = 0;
  };

  explicit TokenTable(std::vector<Row> rows);
  TokenTable(const TokenTable&) = delete;
  TokenTable& operator=(const TokenTable&) = delete;

  // The token whose bearer sent `text`. UNAUTHENTICATED: TOKEN_MALFORMED when it is no token,
  // TOKEN_UNKNOWN when there is none with this id and secret, whichever of them is wrong; and only
  // for those who know the secret TOKEN_REVOKED and TOKEN_EXPIRED. No error repeats any of `text`.
  Result<const TokenInfo*> Verify(std::string_view text, WallMillis now) const;

  // When the next of the tokens that count expires; nothing: none of them does.
  std::optional<WallMillis> NextExpiry(WallMillis now) const;

  std::size_t size() const { return tokens_.size(); }
  // Rows that are refused because they are not as they were written.
  std::size_t damaged() const { return damaged_; }
  // The tokens that were used in a later hour than is stored, and when.
  std::vector<Use> NewUses() const;

 private:
  struct Token {
    TokenInfo info;
    SecretHash hash{};
    // Written at most once an hour: shards hardly ever share the write.
    std::atomic<WallMillis> used_at = 0;
  };

  std::vector<std::unique_ptr<Token>> tokens_;
  std::unordered_map<std::string_view, Token*> by_id_;  // views into tokens_
  std::size_t damaged_ = 0;
};

}  // namespace prism::security
