// API tokens on disk: what was given to whom, without the secrets.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "security/token_table.h"
#include "sqlite/database.h"
#include "sqlite/migrations.h"

namespace prism::security {

struct NewToken {
  std::string name;
  std::string principal;
  TokenScope scope;
  std::optional<WallMillis> expires_at = {};
};

// All that may be known of a token, as a JSON object.
std::string TokenJson(const TokenInfo& token);

// Life cycle: Start, then the rest. The database is of a sqlite::PlainKind with Part(). Thread
// rule: everything blocks and is thread-safe; not on a shard.
class TokenStore {
 public:
  // More than these that count would be a mistake of some script.
  static constexpr std::size_t kMaxTokens = 10'000;
  // How long one that has ended stays listed.
  static constexpr WallMillis kKeepEnded = WallMillis{90} * 24 * 3600 * 1000;
  static constexpr std::size_t kMaxNameLength = 128;

  // Takes the newest table; on the writer's thread, so one after the other and in their order.
  using Publish = std::function<void(std::shared_ptr<const TokenTable>)>;
  // Joins the transaction of a change, such as to record it; an error of it undoes the change.
  using Also = std::function<Status(sqlite::Connection&, const TokenInfo&)>;

  struct Created {
    TokenInfo info;
    std::string text;  // known here and now only
  };

  // Both outlive the store.
  TokenStore(sqlite::Database& database, Clock& clock, Publish publish);

  static sqlite::SchemaPart Part();
  // Publishes what is there.
  Status Start();

  // INVALID_ARGUMENT: BAD_TOKEN_NAME, BAD_PRINCIPAL, BAD_SCOPE, EXPIRY_PASSED.
  // RESOURCE_EXHAUSTED/TOO_MANY_TOKENS.
  Result<Created> Create(const NewToken& token, std::string_view by, const Also& also = {});
  // Newest first.
  Result<std::vector<TokenInfo>> List();
  // In force when it returns; again is no error and changes nothing. NOT_FOUND/TOKEN_NOT_FOUND,
  // DATA_LOSS/TOKEN_DAMAGED.
  Result<TokenInfo> Revoke(std::string_view id, std::string_view by, const Also& also = {});
  // A new administrator's token for whoever has the data directory.
  Result<Created> Recover(std::string_view by, const Also& also = {});
  // Writes down when tokens were used. Now and then.
  Status SaveUses(const TokenTable& table);

  // For a file that takes the place of another one, so that what was revoked there stays so.
  struct Ended {
    std::vector<TokenInfo> revoked;
    std::size_t damaged = 0;  // rows that can't be believed
  };
  // A file without a table of tokens has none.
  static Result<Ended> ReadEnded(sqlite::Connection& connection);
  // Revokes those of them that count here, when and by whom they were; these are the answer.
  static Result<std::vector<TokenInfo>> CarryOver(sqlite::Connection& connection,
                                                  const Ended& ended, const Also& also = {});

 private:
  Result<Created> Insert(sqlite::Connection& connection, const NewToken& token, std::string_view by,
                         const Also& also);
  Result<TokenInfo> End(sqlite::Connection& connection, std::string_view id, std::string_view by,
                        const Also& also);
  // Reads all tokens and publishes them.
  Status Reload();
  // What a change answers: it must be in force.
  template <class T>
  Result<T> InForce(Result<T> changed);

  sqlite::Database& database_;
  Clock& clock_;
  const Publish publish_;
};

}  // namespace prism::security
