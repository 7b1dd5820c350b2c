#include "cli/branch_url.h"

#include <fmt/format.h>

#include <string_view>

#include "base/percent.h"

namespace prism::cli {

namespace {

// A single @ begins the name of the branch.
std::string Doubled(std::string_view text) {
  std::string doubled;
  for (const char c : text) doubled.append(c == '@' ? 2 : 1, c);
  return doubled;
}

}  // namespace

std::string BranchUrl(const BranchAddress& address) {
  const bool ipv6 = address.host.contains(':');
  return fmt::format("postgresql://{}@{}:{}/{}",
                     base::PercentEncode(Doubled(address.user) + '@' + Doubled(address.branch)),
                     ipv6 ? '[' + address.host + ']' : base::PercentEncode(address.host),
                     address.port, base::PercentEncode(Doubled(address.database)));
}

}  // namespace prism::cli
