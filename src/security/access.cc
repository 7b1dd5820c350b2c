#include "security/access.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace prism::security {

namespace {

// Clients choose the name: what is no name is not repeated.
std::string Named(std::string_view ns) {
  return base::IsValidName(ns) ? fmt::format("the namespace \"{}\"", ns) : "this namespace";
}

Error Denied(const Caller& caller, std::string_view ns, Permission needed) {
  const bool narrowed = caller.scope != nullptr && caller.scope->LevelOn(ns) < needed;
  return Error(Code::kPermissionDenied, "ACCESS_DENIED",
               narrowed
                   ? fmt::format("the scope of the token does not include {} in {}: use a token "
                                 "whose scope does",
                                 PermissionName(needed), Named(ns))
                   : fmt::format("\"{}\" has no {} permission in {}: ask its owner, or an "
                                 "administrator of the server, for it",
                                 caller.principal, PermissionName(needed), Named(ns)))
      .With("permission", std::string(PermissionName(needed)));
}

Error NotAdmin(const Caller& caller) {
  const bool narrowed = caller.scope != nullptr && !caller.scope->server_admin();
  return Error(Code::kPermissionDenied, "ACCESS_DENIED",
               narrowed ? "the scope of the token does not include administration of the server: "
                          "use a token with the scope \"admin\""
                        : fmt::format("\"{}\" does not administer this server: ask somebody who "
                                      "does",
                                      caller.principal));
}

}  // namespace

Status CheckAccess(const NamespaceAccess& access) {
  Error error(Code::kInvalidArgument, "BAD_PRINCIPAL",
              "a list of principals has what is none: write names as tokens have them, unix:NAME, "
              "spiffe://..., x509:SUBJECT, or * for everybody who is authenticated");
  bool wrong = false;
  const auto check = [&](std::string_view list, std::span<const std::string> principals) {
    for (std::size_t i = 0; i < principals.size(); ++i) {
      if (principals[i] == kEveryone || IsPrincipal(principals[i])) continue;
      wrong = true;
      error = std::move(error).WithField(fmt::format("access.{}[{}]", list, i), "is no principal");
    }
  };
  check("read", access.read);
  check("write", access.write);
  check("admin", access.admin);
  if (!access.owner.empty() && !IsPrincipal(access.owner)) {
    wrong = true;
    error = std::move(error).WithField("owner", "is no principal");
  }
  if (wrong) return std::unexpected(std::move(error));
  return {};
}

AccessTable::AccessTable(std::span<const std::string> admins, std::span<const Entry> namespaces)
    : admins_(admins.begin(), admins.end()) {
  std::ranges::sort(admins_);
  namespaces_.reserve(namespaces.size());
  for (const auto& [name, access] : namespaces) namespaces_.emplace(name, Compile(*access));
}

std::shared_ptr<const AccessTable> AccessTable::With(std::span<const std::string> admins) const {
  auto table = std::make_shared<AccessTable>(admins, std::span<const Entry>());
  table->namespaces_ = namespaces_;
  return table;
}

AccessTable::Grants AccessTable::Compile(const NamespaceAccess& access) {
  Grants grants;
  const auto add = [&grants](const std::string& principal, Permission level) {
    if (principal == kEveryone) {
      grants.everyone = std::max(grants.everyone, level);
    } else if (!principal.empty() && principal != kAnonymous) {
      grants.principals.emplace_back(principal, level);
    }
  };
  for (const std::string& principal : access.read) add(principal, Permission::kRead);
  for (const std::string& principal : access.write) add(principal, Permission::kWrite);
  for (const std::string& principal : access.admin) add(principal, Permission::kAdmin);
  if (access.owner != kEveryone) add(access.owner, Permission::kAdmin);
  // The highest level of each comes first, and stays.
  auto& principals = grants.principals;
  std::ranges::sort(principals, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  });
  const auto rest = std::ranges::unique(
      principals, {}, [](const auto& grant) -> const std::string& { return grant.first; });
  principals.erase(rest.begin(), rest.end());
  principals.shrink_to_fit();
  return grants;
}

bool AccessTable::IsListedAdmin(const Caller& caller) const {
  return caller.proof != Proof::kNone &&
         std::ranges::binary_search(admins_, caller.principal, std::less<>());
}

bool AccessTable::IsServerAdmin(const Caller& caller) const {
  return caller.scope != nullptr ? caller.scope->server_admin() : IsListedAdmin(caller);
}

Permission AccessTable::Granted(const Caller& caller, std::string_view ns) const {
  if (caller.proof == Proof::kNone) return Permission::kNone;
  if (IsListedAdmin(caller)) return Permission::kAdmin;
  const auto at = namespaces_.find(ns);
  if (at == namespaces_.end()) return Permission::kNone;
  const Grants& grants = at->second;
  const auto grant =
      std::ranges::lower_bound(grants.principals, caller.principal, std::less<>(),
                               [](const auto& entry) -> std::string_view { return entry.first; });
  if (grant == grants.principals.end() || grant->first != caller.principal) return grants.everyone;
  return std::max(grant->second, grants.everyone);
}

Permission AccessTable::LevelOn(const Caller& caller, std::string_view ns) const {
  if (caller.scope == nullptr) return Granted(caller, ns);
  if (caller.scope->server_admin()) return Permission::kAdmin;
  return std::min(caller.scope->LevelOn(ns), Granted(caller, ns));
}

Status AccessTable::Check(const Caller& caller, std::string_view ns, Permission needed) const {
  if (LevelOn(caller, ns) >= needed) [[likely]] {
    return {};
  }
  return std::unexpected(Denied(caller, ns, needed));
}

Status AccessTable::CheckServer(const Caller& caller) const {
  if (IsServerAdmin(caller)) return {};
  return std::unexpected(NotAdmin(caller));
}

}  // namespace prism::security
