#include "branching/privileged/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "base/os_error.h"

namespace prism::branching::internal {
namespace {

constexpr int kBits = 32;  // of a word of capabilities

std::unexpected<Error> Failed() {
  return std::unexpected(base::OsError(errno, "PRIVILEGED_CAPABILITIES", "giving up capabilities"));
}

}  // namespace

Status KeepCapabilities(std::span<const int> kept) {
  for (int each = 0; ::prctl(PR_CAPBSET_READ, each) >= 0; ++each) {
    if (std::ranges::find(kept, each) != kept.end()) continue;
    if (::prctl(PR_CAPBSET_DROP, each) != 0) return Failed();
  }
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  for (const int each : kept) {
    auto& word = data.at(static_cast<std::size_t>(each / kBits));
    word.permitted |= std::uint32_t{1} << (each % kBits);
    word.effective = word.permitted;
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  if (::syscall(SYS_capset, &header, data.data()) != 0) return Failed();
  return {};
}

}  // namespace prism::branching::internal
