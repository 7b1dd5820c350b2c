#include "app/identity.h"

#include <unistd.h>

#include <utility>

#include "security/audit_log.h"
#include "sqlite/plain_database.h"

namespace prism::app {

namespace {

constexpr WallMillis kSaveInterval = 60'000;

// Who set the server up: the administrator that its first token makes.
constexpr std::string_view kFirstPrincipal = "admin";

// Root and the user of this process may read and change its files anyway.
std::vector<std::string> WithOwners(std::vector<std::string> admins,
                                    const security::UserNames& names) {
  for (const uid_t user : {uid_t{0}, ::geteuid()}) {
    admins.emplace_back(names.Resolve(std::string(security::kUnixPrefix) + std::to_string(user)));
  }
  return admins;
}

security::TokenStore::Also Record(std::string_view action, WallMillis now) {
  return [action, now](sqlite::Connection& connection, const security::TokenInfo& token) -> Status {
    const auto recorded = security::AppendAudit(connection,
                                                {.principal = token.created_by,
                                                 .proof = "none",
                                                 .token_id = "",
                                                 .peer = "",
                                                 .action = std::string(action),
                                                 .object = "token/" + token.id,
                                                 .code = "OK",
                                                 .reason = "",
                                                 .before = "",
                                                 .after = security::TokenJson(token),
                                                 .request_id = ""},
                                                now);
    if (!recorded) return std::unexpected(recorded.error());
    return {};
  };
}

}  // namespace

Identity::Identity(const ServerSettings& settings, sqlite::Database& database, Clock& clock,
                   Publish publish)
    : settings_(settings),
      database_(database),
      clock_(clock),
      publish_(std::move(publish)),
      names_(security::UserNames::Read()),
      admins_(WithOwners(settings.admins, names_)),
      store_(database, clock, [this](std::shared_ptr<const security::TokenTable> tokens) {
        tokens_ = std::move(tokens);
        PublishGuard();
      }) {}

std::vector<sqlite::SchemaPart> Identity::Parts() {
  return {security::TokenStore::Part(), security::AuditPart()};
}

std::shared_ptr<const security::AccessTable> Identity::ListsOf(
    const namespaces::Snapshot& snapshot) const {
  std::vector<security::NamespaceAccess> lists;
  std::vector<security::AccessTable::Entry> entries;
  lists.reserve(snapshot.namespaces.size());
  entries.reserve(snapshot.namespaces.size());
  for (const namespaces::NamespaceConfig& ns : snapshot.namespaces) {
    lists.push_back({.owner = ns.owner,
                     .read = ns.access.read,
                     .write = ns.access.write,
                     .admin = ns.access.admin});
    entries.emplace_back(ns.name, &lists.back());
  }
  return std::make_shared<const security::AccessTable>(admins_, entries);
}

Status Identity::CheckLists(const std::vector<std::string>& admins,
                            const namespaces::Snapshot& snapshot) {
  // The owner may be a text for people, who then grants nobody anything.
  TRY(security::CheckAccess({.admin = admins}));
  for (const namespaces::NamespaceConfig& ns : snapshot.namespaces) {
    auto checked = security::CheckAccess(
        {.read = ns.access.read, .write = ns.access.write, .admin = ns.access.admin});
    if (checked) continue;
    return std::unexpected(std::move(checked).error().With("namespace", ns.name));
  }
  return {};
}

void Identity::PublishGuard() {
  if (tokens_ == nullptr || authorizer_ == nullptr) return;
  next_expiry_ = tokens_->NextExpiry(clock_.Now()).value_or(kNever);
  const auto guard = std::make_shared<const security::Guard>(
      std::make_shared<const security::Authenticator>(
          security::Authenticator::Options{.required = settings_.authentication, .names = names_},
          tokens_),
      authorizer_);
  publish_(guard);
  for (const Publish& follow : followers_) follow(guard);
}

Status Identity::Follow(Publish follow) {
  return sqlite::WriteAndWait(database_, [&](sqlite::Connection&) -> Status {
    followers_.push_back(std::move(follow));
    PublishGuard();
    return {};
  });
}

Result<std::optional<std::string>> Identity::Start(const namespaces::Snapshot& snapshot) {
  TRY(Use(snapshot));
  TRY(store_.Start());
  if (!settings_.authentication || !IsExposed(settings_)) return std::nullopt;
  TRY_ASSIGN(const auto tokens, store_.List());
  if (!tokens.empty()) return std::nullopt;
  TRY_ASSIGN(security::TokenScope admin, security::TokenScope::Parse("admin"));
  TRY_ASSIGN(auto created, store_.Create({.name = "first administrator",
                                          .principal = std::string(kFirstPrincipal),
                                          .scope = std::move(admin)},
                                         "prism serve", Record("prism serve", clock_.Now())));
  return std::move(created.text);
}

Status Identity::Use(const namespaces::Snapshot& snapshot) {
  return sqlite::WriteAndWait(database_, [&](sqlite::Connection&) -> Status {
    if (settings_.authentication) {
      lists_ = ListsOf(snapshot);
      authorizer_ = lists_;
    } else {
      authorizer_ = std::make_shared<const security::AllowAll>();
    }
    PublishGuard();
    return {};
  });
}

Status Identity::UseAdmins(std::vector<std::string> admins) {
  return sqlite::WriteAndWait(database_, [&](sqlite::Connection&) -> Status {
    std::vector<std::string> all = WithOwners(std::move(admins), names_);
    if (all == admins_ || lists_ == nullptr) return {};
    admins_ = std::move(all);
    lists_ = lists_->With(admins_);
    authorizer_ = lists_;
    PublishGuard();
    return {};
  });
}

Status Identity::EndExpired() {
  const WallMillis now = clock_.Now();
  if (now < next_expiry_) return {};
  next_expiry_ = now + kSaveInterval;  // should it fail
  return sqlite::WriteAndWait(database_, [&](sqlite::Connection&) -> Status {
    PublishGuard();
    return {};
  });
}

Status Identity::SaveUses() {
  const WallMillis now = clock_.Now();
  if (now < next_save_) return {};
  next_save_ = now + kSaveInterval;
  std::shared_ptr<const security::TokenTable> tokens;
  TRY(sqlite::WriteAndWait(database_, [&](sqlite::Connection&) -> Status {
    tokens = tokens_;
    return {};
  }));
  return store_.SaveUses(*tokens);
}

}  // namespace prism::app
