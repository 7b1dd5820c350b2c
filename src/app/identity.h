// Who may call: the tokens of the store and the lists of the configuration as one guard.
#pragma once

#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/settings.h"
#include "base/clock.h"
#include "base/status.h"
#include "namespaces/snapshot.h"
#include "security/access.h"
#include "security/authenticator.h"
#include "security/guard.h"
#include "security/token_store.h"
#include "sqlite/database.h"

namespace prism::app {

// Life cycle: Start, then Use for each configuration that is to be served. Thread rule: one control
// thread; everything here blocks. What is published is made on the writer's thread of the database,
// so that a change of the tokens and one of the lists follow each other.
class Identity {
 public:
  using Publish = std::function<void(const std::shared_ptr<const security::Guard>&)>;

  // Everything outlives this; `database` has Parts().
  Identity(const ServerSettings& settings, sqlite::Database& database, Clock& clock,
           Publish publish);

  // What the configuration's file must have.
  static std::vector<sqlite::SchemaPart> Parts();

  // The tokens, for whoever administers them. Any thread that may block.
  security::TokenStore& tokens() { return store_; }

  // INVALID_ARGUMENT/BAD_PRINCIPAL when a list names what is nobody.
  static Status CheckLists(const std::vector<std::string>& admins,
                           const namespaces::Snapshot& snapshot);
  Status Check(const namespaces::Snapshot& snapshot) const {
    return CheckLists(settings_.admins, snapshot);
  }
  // Publishes the guard for the snapshot. If this server asks who calls, is reached from other
  // machines and has never had a token, the text of the first one, which is nowhere else.
  Result<std::optional<std::string>> Start(const namespaces::Snapshot& snapshot);
  // Judges by the lists of this snapshot from now on.
  Status Use(const namespaces::Snapshot& snapshot);
  // Tells `follow` too whom to let in: now, before this returns, and from now on. What it refers to
  // outlives the database's writer.
  Status Follow(Publish follow);
  // These administer the server from now on, beside those who always do.
  Status UseAdmins(std::vector<std::string> admins);
  // Writes down when tokens were used. Now and then.
  Status SaveUses();
  // Ends what was opened with tokens that have expired since: calls ask at their beginning only.
  // Now and then, by the wall clock and not by a timer, since that is what expiry means when the
  // clock is set.
  Status EndExpired();

 private:
  static constexpr WallMillis kNever = std::numeric_limits<WallMillis>::max();

  std::shared_ptr<const security::AccessTable> ListsOf(const namespaces::Snapshot& snapshot) const;
  void PublishGuard();

  const ServerSettings& settings_;
  sqlite::Database& database_;
  Clock& clock_;
  const Publish publish_;
  const security::UserNames names_;
  WallMillis next_save_ = 0;
  std::atomic<WallMillis> next_expiry_ = kNever;
  // Writer's thread.
  std::vector<Publish> followers_;
  std::shared_ptr<const security::TokenTable> tokens_;
  std::vector<std::string> admins_;
  std::shared_ptr<const security::AccessTable> lists_;  // with authentication
  std::shared_ptr<const security::Authorizer> authorizer_;
  security::TokenStore store_;
};

}  // namespace prism::app
