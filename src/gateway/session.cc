#include "gateway/session.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace prism::gateway {

namespace {

constexpr std::string_view kVersion = "1.";

}  // namespace

std::string SessionToken(WallMillis acknowledged) {
  return fmt::format("{}{:x}", kVersion, static_cast<std::uint64_t>(acknowledged));
}

Status CheckSession(std::string_view token) {
  std::string_view digits = token;
  if (token.size() <= kMaxSessionBytes && digits.starts_with(kVersion)) {
    digits.remove_prefix(kVersion.size());
    std::uint64_t time = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, failure] = std::from_chars(digits.data(), end, time, 16);
    if (failure == std::errc() && stop == end) return {};
  }
  return std::unexpected(
      InvalidField("SESSION_MALFORMED", std::string(kSessionHeader),
                   "is not what a write has answered: send it back as it is, or leave it out"));
}

}  // namespace prism::gateway
