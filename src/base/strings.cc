#include "base/strings.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace prism::base {
namespace {

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

bool IsValidName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameLength || !IsLowerOrDigit(name.front())) return false;
  return std::ranges::all_of(name, [](char c) { return IsLowerOrDigit(c) || c == '-'; });
}

bool EqualsNoCase(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {}, ToLower);
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = ToLower(c);
  return lower;
}

std::string_view Trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool HasToken(std::string_view list, std::string_view lower) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (EqualsNoCase(Trim(list.substr(0, comma)), lower)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  // Three rows of the dynamic programming table: two back (for swaps), the last, and the one being
  // filled.
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;

  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::optional<std::string> NearestMatch(std::string_view word,
                                        std::span<const std::string> candidates) {
  const std::string* nearest = nullptr;
  std::size_t smallest = 0;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = EditDistance(word, candidate);
    if (nearest == nullptr || distance < smallest) {
      nearest = &candidate;
      smallest = distance;
    }
  }
  if (nearest == nullptr) return std::nullopt;
  const std::size_t allowed = std::max<std::size_t>(1, std::max(word.size(), nearest->size()) / 3);
  if (smallest > allowed) return std::nullopt;
  return *nearest;
}

}  // namespace prism::base
