#include "branching/instances/file_rights.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace prism::branching {

// Not by libc, which would change the groups of all threads.
bool TakeFileRights(InstanceUser user) noexcept {
  if (::syscall(SYS_setgroups, 0, nullptr) != 0) return false;
  ::syscall(SYS_setfsgid, user.gid);
  ::syscall(SYS_setfsuid, user.uid);
  // They say nothing about failure; an invalid number changes nothing and asks.
  constexpr auto kAsk = static_cast<uid_t>(-1);
  return static_cast<uid_t>(::syscall(SYS_setfsuid, kAsk)) == user.uid &&
         static_cast<gid_t>(::syscall(SYS_setfsgid, kAsk)) == user.gid;
}

void ReturnFileRights() noexcept {
  ::syscall(SYS_setfsuid, 0);
  ::syscall(SYS_setfsgid, 0);
}

}  // namespace prism::branching
