// How much may be done: levels of permission, and the scope that narrows what a token may.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace prism::security {

// Each includes those before it. kAdmin of a namespace: its configuration and its access lists.
enum class Permission : std::uint8_t { kNone, kRead, kWrite, kAdmin };
std::string_view PermissionName(Permission permission);
// "read", "write" or "admin".
std::optional<Permission> ParsePermission(std::string_view text);

// What a token may at most. Either `admin`, which makes its bearer an administrator of the server,
// or a list such as `orders:read,users:write`, which grants nothing by itself but narrows what the
// principal may; the namespace `*` stands for every one. Immutable once parsed.
class TokenScope {
 public:
  static constexpr std::size_t kMaxGrants = 100;

  // Grants nothing.
  TokenScope() = default;
  // INVALID_ARGUMENT/BAD_SCOPE with the part that is wrong. An empty text is refused: what a token
  // may is said.
  static Result<TokenScope> Parse(std::string_view text);
  // Parses to the same scope; sorted, so that equal scopes have one text.
  std::string ToString() const;

  bool server_admin() const { return server_admin_; }
  Permission LevelOn(std::string_view ns) const;

  bool operator==(const TokenScope&) const = default;

 private:
  struct Grant {
    std::string ns;
    Permission level = Permission::kNone;
    bool operator==(const Grant&) const = default;
  };

  Status Add(std::string_view part);

  bool server_admin_ = false;
  Permission everywhere_ = Permission::kNone;
  std::vector<Grant> grants_;  // sorted by ns
};

}  // namespace prism::security
