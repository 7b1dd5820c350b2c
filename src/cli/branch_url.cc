#include "cli/branch_url.h"

#include <fmt/format.h>

#include <string_view>

#include "base/percent.h"

namespace prism::cli {

namespace {

bool IsUnreserved(char c) {  // RFC 3986 section 2.3, whatever the locale
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").contains(c);
}

std::string Encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (IsUnreserved(c)) {
      encoded += c;
    } else {
      base::AppendPercentEscape(encoded, c);
    }
  }
  return encoded;
}

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
                     Encoded(Doubled(address.user) + '@' + Doubled(address.branch)),
                     ipv6 ? '[' + address.host + ']' : Encoded(address.host), address.port,
                     Encoded(Doubled(address.database)));
}

}  // namespace prism::cli
