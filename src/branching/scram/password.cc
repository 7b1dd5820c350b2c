#include "branching/scram/password.h"

#include <stringprep.h>

#include <algorithm>
#include <vector>

#include "base/utf8.h"

namespace prism::branching {
namespace {

// Of NFKC in UTF-8: Unicode Standard Annex 15, "Maximum Expansion Factors".
constexpr std::size_t kMaxExpansion = 11;

bool IsAscii(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c < 0x80; });
}

// The steps of libidn's SASLprep with the normalisation at the end.
std::vector<Stringprep_profile> NormalisedLast() {
  std::vector<Stringprep_profile> steps;
  Stringprep_profile normalise{};
  const Stringprep_profile* step = stringprep_saslprep;
  for (; step->operation != 0; ++step) {
    if (step->operation == STRINGPREP_NFKC) {
      normalise = *step;
    } else {
      steps.push_back(*step);
    }
  }
  steps.push_back(normalise);
  steps.push_back(*step);
  return steps;
}

}  // namespace

std::string PreparePassword(std::string_view password) {
  std::string raw(password);
  if (IsAscii(password) || password.contains('\0') || !base::IsValidUtf8(password)) return raw;
  std::vector<char> buffer(password.size() * kMaxExpansion + 1, '\0');
  std::ranges::copy(password, buffer.begin());
  const std::vector<Stringprep_profile> steps = NormalisedLast();
  const int result =
      stringprep(buffer.data(), buffer.size(), STRINGPREP_NO_UNASSIGNED, steps.data());
  std::string prepared(buffer.data());
  return result != STRINGPREP_OK || prepared.empty() ? raw : prepared;
}

}  // namespace prism::branching
