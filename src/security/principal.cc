#include "security/principal.h"

#include <algorithm>

namespace prism::security {

namespace {

constexpr std::string_view kOthers = "._@/+-";

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

bool IsPrincipalName(std::string_view text) {
  if (text.empty() || text.size() > kMaxPrincipalLength || !IsAlphanumeric(text.front())) {
    return false;
  }
  return text != kAnonymous &&
         std::ranges::all_of(text, [](char c) { return IsAlphanumeric(c) || kOthers.contains(c); });
}

}  // namespace prism::security
