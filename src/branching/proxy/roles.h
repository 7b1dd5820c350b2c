// Who may log in: the roles of a source, as its pg_authid had them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "branching/scram/verifier.h"

namespace prism::branching {

struct Role {
  StoredPassword password;
  bool may_login = false;
  std::optional<std::int64_t> valid_until;  // seconds of Unix time; none: for ever
};

// Immutable once it is shared: any thread.
class Roles {
 public:
  // `secret`: see MockVerifiers.
  Roles(std::map<std::string, Role, std::less<>> roles, std::string secret)
      : roles_(std::move(roles)), mocks_(std::move(secret)) {}

  // What `user` has to prove: who can't log in at `now` (seconds of Unix time) is treated as
  // somebody who does not exist.
  LoginVerifier VerifierOf(std::string_view user, std::int64_t now) const {
    const auto role = roles_.find(user);
    const bool may = role != roles_.end() && role->second.may_login &&
                     role->second.valid_until.value_or(now + 1) > now;
    return mocks_.Choose(may ? std::get_if<ScramVerifier>(&role->second.password) : nullptr, user);
  }

 private:
  std::map<std::string, Role, std::less<>> roles_;
  MockVerifiers mocks_;
};

}  // namespace prism::branching
