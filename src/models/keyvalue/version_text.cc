#include "models/keyvalue/version_text.h"

namespace prism::models {
namespace {

// Digits and lower-case letters without i, l, o, u, which people take for others.
constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";

}  // namespace

VersionText::VersionText(std::uint64_t number) : start_(text_.size()) {
  do {
    text_[--start_] = kAlphabet[number & 31];
    number >>= 5;
  } while (number != 0);
}

std::optional<std::uint64_t> ParseVersion(std::string_view text) {
  // One spelling for each number: no leading zeros, and 13 characters begin with at most 'f' (4
  // bits).
  if (text.empty() || text.size() > 13 || (text.size() > 1 && text.front() == '0'))
    return std::nullopt;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t digit = kAlphabet.find(text[i]);
    if (digit == std::string_view::npos || (text.size() == 13 && i == 0 && digit > 15))
      return std::nullopt;
    number = (number << 5) | digit;
  }
  return number;
}

}  // namespace prism::models
