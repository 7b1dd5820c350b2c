#include "app/privileges.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace prism::app {

Status BecomeUser(const std::string& name) {
  // Not the reentrant form: nobody else asks at start.
  const passwd* found = ::getpwnam(name.c_str());
  if (found == nullptr) {
    return std::unexpected(
        Error(Code::kNotFound, "USER_NOT_FOUND",
              fmt::format("there is no user \"{}\" on this machine: make it (useradd --system), or "
                          "name another one with --user",
                          name)));
  }
  const uid_t user = found->pw_uid;
  const gid_t group = found->pw_gid;
  if (::getuid() == user && ::geteuid() == user) return {};
  // The user last: afterwards nothing of this is allowed any more.
  if (::initgroups(name.c_str(), group) != 0 || ::setresgid(group, group, group) != 0 ||
      ::setresuid(user, user, user) != 0) {
    return std::unexpected(
        Error(Code::kPermissionDenied, "USER_NOT_PERMITTED",
              fmt::format("can't become the user \"{}\" ({}): start as root, or as this user "
                          "without --user",
                          name, std::strerror(errno))));
  }
  if (user != 0 && ::setuid(0) == 0) {
    return std::unexpected(Error(
        Code::kPermissionDenied, "USER_NOT_PERMITTED",
        fmt::format("became the user \"{}\" but may still become root: take CAP_SETUID away from "
                    "the process",
                    name)));
  }
  return {};
}

}  // namespace prism::app
