#include "app/branch_user.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <optional>
#include <system_error>

namespace prism::app {

namespace {

std::optional<branching::InstanceUser> FindUser(const std::string& name) {
  // Not the reentrant form: nobody else asks at start.
  const passwd* found = ::getpwnam(name.c_str());
  uid_t number = 0;
  const char* const end = name.data() + name.size();
  if (found == nullptr && std::from_chars(name.data(), end, number).ptr == end) {
    found = ::getpwuid(number);
  }
  if (found == nullptr) return std::nullopt;
  return branching::InstanceUser{.uid = found->pw_uid, .gid = found->pw_gid};
}

}  // namespace

// Root gives servers to somebody else; others keep them.
Result<branching::InstanceUser> ChooseBranchUser(const std::string& name) {
  if (!name.empty()) {
    if (const auto user = FindUser(name)) return *user;
    return std::unexpected(Error(Code::kNotFound, "USER_NOT_FOUND",
                                 fmt::format("there is no user \"{}\" on this machine: make it "
                                             "(useradd --system), or name another one in "
                                             "branching.user",
                                             name)));
  }
  if (::geteuid() != 0) return branching::InstanceUser{.uid = ::geteuid(), .gid = ::getegid()};
  for (const char* usual : {"postgres", "nobody"}) {
    if (const auto user = FindUser(usual)) return *user;
  }
  return std::unexpected(Error(Code::kNotFound, "USER_NOT_FOUND",
                               "PostgreSQL does not run as root, and there is neither a user "
                               "postgres nor nobody: name one in branching.user"));
}

std::string OwnerOf(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0 || status.st_uid == 0) return "";
  const passwd* found = ::getpwuid(status.st_uid);
  return found == nullptr ? "" : found->pw_name;
}

}  // namespace prism::app
