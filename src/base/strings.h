#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace prism::base {

// Names of namespaces, backends, policies and the like: [a-z0-9][a-z0-9-]{0,62}, so that a name is
// also a DNS label, a directory and a metric label without quoting.
inline constexpr std::size_t kMaxNameLength = 63;
bool IsValidName(std::string_view name);

// ASCII only, whatever the locale; other bytes stay as they are.
constexpr char ToLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
// `lower` is in lower case already.
bool EqualsNoCase(std::string_view text, std::string_view lower);
std::string LowerCase(std::string_view text);
// Without the spaces and tabs around it.
std::string_view Trim(std::string_view text);
// Whether a list with commas has this token, which is in lower case (RFC 9110 section 5.6.1).
bool HasToken(std::string_view list, std::string_view lower);

// The number of insertions, deletions, substitutions and swaps of neighbours that turn `a` into
// `b`, where no part is edited twice (optimal string alignment). Bytes are compared, not code
// points.
std::size_t EditDistance(std::string_view a, std::string_view b);

// The candidate that a person who typed `word` most likely meant: the one at the smallest edit
// distance, the first of equals. Nothing when even that one differs in more than a third of the
// longer of the two (at least one edit is always allowed), since a far-fetched suggestion misleads.
std::optional<std::string> NearestMatch(std::string_view word,
                                        std::span<const std::string> candidates);

}  // namespace prism::base
