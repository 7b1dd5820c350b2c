#include "branching/proxy/roles.h"

#include <utility>

namespace prism::branching {

Roles::Roles(std::map<std::string, Role, std::less<>> roles, std::string secret)
    : roles_(std::move(roles)), mocks_(std::move(secret)) {
  for (const auto& [name, role] : roles_) {
    if (!role.may_login || std::holds_alternative<NoPassword>(role.password)) continue;
    ++passwords_;
    if (std::holds_alternative<Md5Password>(role.password)) ++md5_passwords_;
  }
}

LoginCheck Roles::CheckOf(std::string_view user, std::int64_t now) const {
  const auto role = roles_.find(user);
  const bool may = role != roles_.end() && role->second.may_login &&
                   role->second.valid_until.value_or(now + 1) > now;
  const StoredPassword* password = may ? &role->second.password : nullptr;
  const auto* scram = std::get_if<ScramVerifier>(password);
  const auto* md5 = std::get_if<Md5Password>(password);
  const bool mocked_as_md5 = mocks_.IsAmong(md5_passwords_, passwords_, user);
  if (md5 != nullptr || (scram == nullptr && mocked_as_md5)) return mocks_.ChooseMd5(md5, user);
  return mocks_.Choose(scram, user);
}

}  // namespace prism::branching
