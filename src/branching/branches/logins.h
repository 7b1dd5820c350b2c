// Which roles of a source can't log in to its branches, in words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace prism::branching {

// Those that may log in.
struct LoginRoles {
  int count = 0;
  std::vector<std::string> without_password;

  void Add(std::string_view name, bool has_password);
};

// "2 of 5 roles can't log in, having no password: ann, bob", with at most five names; when all can,
// "5 roles can log in".
std::string DescribeLogins(const LoginRoles& roles);

// What to do about it.
inline constexpr std::string_view kGivePasswords =
    "give them one in the source (ALTER ROLE ... PASSWORD, \\password in psql), which counts from "
    "its next state on";

}  // namespace prism::branching
