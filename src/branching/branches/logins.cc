#include "branching/branches/logins.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

namespace prism::branching {

void LoginRoles::Add(std::string_view name, bool has_password) {
  ++count;
  if (!has_password) without_password.emplace_back(name);
}

std::string DescribeLogins(const LoginRoles& roles) {
  constexpr std::size_t kMostNames = 5;
  const std::span<const std::string> names(roles.without_password);
  if (names.empty()) {
    return fmt::format("{} {} can log in", roles.count, roles.count == 1 ? "role" : "roles");
  }
  const std::size_t shown = std::min(names.size(), kMostNames);
  const std::size_t more = names.size() - shown;
  return fmt::format("{} of {} roles can't log in, having no password: {}{}", names.size(),
                     roles.count, fmt::join(names.first(shown), ", "),
                     more > 0 ? fmt::format(" and {} more", more) : "");
}

}  // namespace prism::branching
