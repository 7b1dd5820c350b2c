// Who may log in: the roles of a source, as its pg_authid had them.
#pragma once

#include <cstddef>
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
  Roles(std::map<std::string, Role, std::less<>> roles, std::string secret);

  // What `user` has to prove, and how: who can't log in at `now` (seconds of Unix time) is treated
  // as somebody who does not exist, and is asked as if they were one of those who can.
  LoginCheck CheckOf(std::string_view user, std::int64_t now) const;

 private:
  std::map<std::string, Role, std::less<>> roles_;
  MockVerifiers mocks_;
  std::size_t passwords_ = 0;  // of roles that may log in
  std::size_t md5_passwords_ = 0;
};

}  // namespace prism::branching
