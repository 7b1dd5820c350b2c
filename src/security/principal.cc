#include "security/principal.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace prism::security {

namespace {

constexpr std::string_view kOthers = "._@/+-";
constexpr std::size_t kMaxLength = 512;
constexpr std::array<std::string_view, 4> kProofs = {"none", "token", "certificate", "unix_peer"};

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

bool IsPrincipalName(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameLength || !IsAlphanumeric(text.front())) return false;
  return text != kAnonymous &&
         std::ranges::all_of(text, [](char c) { return IsAlphanumeric(c) || kOthers.contains(c); });
}

bool IsPrincipal(std::string_view text) {
  if (IsPrincipalName(text)) return true;
  if (text.size() > kMaxLength || !base::IsValidUtf8(text)) return false;
  if (std::ranges::any_of(text, [](unsigned char c) { return c < ' ' || c == 0x7f; })) return false;
  return std::ranges::any_of(std::array{kUnixPrefix, kSpiffePrefix, kSubjectPrefix},
                             [text](std::string_view prefix) {
                               return text.starts_with(prefix) && text.size() > prefix.size();
                             });
}

std::string_view ProofName(Proof proof) { return kProofs[static_cast<std::size_t>(proof)]; }

}  // namespace prism::security
