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
