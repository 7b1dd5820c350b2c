#include "security/scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace prism::security {

namespace {

constexpr std::array<std::string_view, 4> kNames = {"none", "read", "write", "admin"};
constexpr std::string_view kServerAdmin = "admin";
constexpr std::string_view kEverywhere = "*";

Error BadScope(std::string what) {
  return InvalidField(
      "BAD_SCOPE", "scope",
      fmt::format("{}: write \"admin\", or a list like \"orders:read,users:write\" with a "
                  "namespace, or * for all, and read, write or admin",
                  what));
}

// What is not a name is not repeated: somebody may have pasted a secret.
std::string Shown(std::string_view ns) {
  return base::IsValidName(ns) ? fmt::format("\"{}\"", ns) : "one part";
}

}  // namespace

std::string_view PermissionName(Permission permission) {
  return kNames[static_cast<std::size_t>(permission)];
}

std::optional<Permission> ParsePermission(std::string_view text) {
  for (const Permission level : {Permission::kRead, Permission::kWrite, Permission::kAdmin}) {
    if (text == PermissionName(level)) return level;
  }
  return std::nullopt;
}

Result<TokenScope> TokenScope::Parse(std::string_view text) {
  TokenScope scope;
  if (base::Trim(text) == kServerAdmin) {
    scope.server_admin_ = true;
    return scope;
  }
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    TRY(scope.Add(base::Trim(text.substr(begin, end - begin))));
    begin = end + 1;
  }
  std::ranges::sort(scope.grants_, {}, &Grant::ns);
  const auto twice = std::ranges::adjacent_find(scope.grants_, {}, &Grant::ns);
  if (twice != scope.grants_.end()) {
    return std::unexpected(BadScope(fmt::format("the namespace {} is there twice", twice->ns)));
  }
  return scope;
}

Status TokenScope::Add(std::string_view part) {
  if (part.empty()) return std::unexpected(BadScope("a part is empty"));
  const std::size_t colon = part.rfind(':');
  const std::string_view ns = part.substr(0, colon);
  const auto level = colon == part.npos ? std::nullopt : ParsePermission(part.substr(colon + 1));
  if (!level) return std::unexpected(BadScope(fmt::format("{} has no level", Shown(ns))));
  if (ns == kEverywhere) {
    if (everywhere_ != Permission::kNone) return std::unexpected(BadScope("* is there twice"));
    everywhere_ = *level;
    return {};
  }
  if (!base::IsValidName(ns)) {
    return std::unexpected(BadScope("a namespace is not a name in lower case"));
  }
  if (grants_.size() == kMaxGrants) {
    return std::unexpected(BadScope(fmt::format("more than {} namespaces", kMaxGrants)));
  }
  grants_.push_back({std::string(ns), *level});
  return {};
}

std::string TokenScope::ToString() const {
  if (server_admin_) return std::string(kServerAdmin);
  std::string text;
  const auto add = [&text](std::string_view ns, Permission level) {
    if (!text.empty()) text += ',';
    text += fmt::format("{}:{}", ns, PermissionName(level));
  };
  if (everywhere_ != Permission::kNone) add(kEverywhere, everywhere_);
  for (const Grant& grant : grants_) add(grant.ns, grant.level);
  return text;
}

Permission TokenScope::LevelOn(std::string_view ns) const {
  if (server_admin_) return Permission::kAdmin;
  const auto at = std::ranges::lower_bound(grants_, ns, {}, &Grant::ns);
  const bool named = at != grants_.end() && at->ns == ns;
  return named ? std::max(at->level, everywhere_) : everywhere_;
}

}  // namespace prism::security
