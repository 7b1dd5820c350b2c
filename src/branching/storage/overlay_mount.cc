#include "branching/storage/overlay_mount.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "branching/storage/mount_point.h"
#include "branching/storage/store_error.h"
#include "branching/storage/tree.h"

namespace prism::branching::internal {
namespace {

// A name without any character that options of overlayfs give a meaning to, however the store is
// called, and that nobody can exchange meanwhile.
std::string Name(const base::UniqueFd& fd) { return fmt::format("/proc/self/fd/{}", fd.get()); }

// What the kernel says about the last failure, if it says anything.
std::string Said(const base::UniqueFd& context) {
  std::string text;
  std::array<char, 512> line;
  for (ssize_t size; (size = ::read(context.get(), line.data(), line.size())) > 0;) {
    text += fmt::format(" ({})", std::string_view(line.data(), static_cast<std::size_t>(size)));
  }
  return text;
}

bool Set(const base::UniqueFd& context, const char* key, const std::string& value) {
  return ::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
}

// Overlayfs works in its layers with the rights of whoever mounted it, whoever uses the mount, and
// needs those that a thread may have set aside (setfsuid(2)).
class AllRights {
 public:
  AllRights() {
    if (::syscall(SYS_capget, &header_, before_.data()) != 0) return;
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> all = before_;
    for (auto& word : all) word.effective = word.permitted;
    raised_ = ::syscall(SYS_capset, &header_, all.data()) == 0;
  }
  ~AllRights() {
    if (raised_) ::syscall(SYS_capset, &header_, before_.data());
  }
  AllRights(const AllRights&) = delete;
  AllRights& operator=(const AllRights&) = delete;

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> before_{};
  bool raised_ = false;
};

bool Create(const base::UniqueFd& context) {
  const AllRights rights;
  return ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
}

bool Configure(const base::UniqueFd& context, const OverlayParts& parts) {
  std::string lower;
  for (const base::UniqueFd& fd : parts.lower) lower += (lower.empty() ? "" : ":") + Name(fd);
  if (!Set(context, "source", parts.name) || !Set(context, "lowerdir", lower)) return false;
  // Without it directories of lower layers can't be renamed.
  if (!Set(context, "redirect_dir", "on")) return false;
  if (!parts.upper) return true;
  // With an index the kernel refuses a second mount that writes to the same directory.
  return Set(context, "upperdir", Name(parts.upper)) && Set(context, "workdir", Name(parts.work)) &&
         Set(context, "index", "on");
}

}  // namespace

Result<base::UniqueFd> MakeOverlay(const OverlayParts& parts) {
  const base::UniqueFd context(::fsopen("overlay", FSOPEN_CLOEXEC));
  if (!context) return std::unexpected(StoreError(errno, "mount an overlayfs"));
  if (!Configure(context, parts) || !Create(context)) {
    const int number = errno;
    if (number == EBUSY) return std::unexpected(MountBusy(parts.name));
    return std::unexpected(
        StoreError(number, fmt::format("mount {} as overlayfs{}", parts.name, Said(context))));
  }
  base::UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC,
                                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME));
  if (!mount) return std::unexpected(StoreError(errno, fmt::format("mount {}", parts.name)));
  return mount;
}

Status AttachMount(const base::UniqueFd& mount, const std::string& directory) {
  const base::UniqueFd target = OpenWithoutLinks(directory, O_PATH | O_DIRECTORY);
  if (target && ::move_mount(mount.get(), "", target.get(), "",
                             MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0) {
    return {};
  }
  return std::unexpected(StoreError(errno, fmt::format("mount on {}", directory)));
}

}  // namespace prism::branching::internal
