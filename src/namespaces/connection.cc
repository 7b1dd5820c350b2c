#include "namespaces/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/percent.h"
#include "base/secret_ref.h"

namespace prism::namespaces {

namespace {

// Ends of the names of options whose values are secrets, without "_", "-" and ".".
constexpr std::array<std::string_view, 16> kSecretEnds = {
    "password",   "passwd",        "pwd",       "passphrase", "secret",     "token",
    "credential", "credentials",   "apikey",    "accesskey",  "accountkey", "secretkey",
    "privatekey", "encryptionkey", "masterkey", "signature"};
// The whole of such names.
constexpr std::array<std::string_view, 5> kSecretNames = {"auth", "sig", "pass", "bearer",
                                                          "requirepass"};

std::string Advice(std::string_view where) {
  return fmt::format(
      "{} holds a password in clear text: write ${{env:NAME}} or ${{file:PATH}} in its place, and "
      "put the password there",
      where);
}

// "sasl.password", "X-Amz-Signature", "pass%77ord" and "AccountKey" alike.
bool IsSecretKey(std::string_view key) {
  std::string plain;
  for (std::size_t i = 0; i < key.size(); ++i) {
    char c = key[i];
    if (const auto escaped = base::PercentEscapeAt(key, i)) {
      c = *escaped;
      i += 2;
    }
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) continue;
    plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const auto ends = [&plain](std::string_view end) { return plain.ends_with(end); };
  return std::ranges::any_of(kSecretEnds, ends) ||
         std::ranges::find(kSecretNames, plain) != kSecretNames.end();
}

// The user part lies between "://" (or the start) and the last '@' before the path.
bool HasLiteralInUserPart(std::string_view text) {
  const std::size_t scheme = text.find("://");
  const std::size_t begin = scheme == text.npos ? 0 : scheme + 3;
  std::string_view authority = text.substr(begin);
  // A reference may hold a slash (${file:/run/x}), so the end is looked for behind the last '@'.
  const std::size_t at = authority.rfind('@');
  if (at == authority.npos) return false;
  authority = authority.substr(0, at);
  const std::size_t colon = authority.find(':');
  const std::size_t reference = authority.find("${");
  if (colon == authority.npos) return false;
  // A colon inside of a reference to the user name separates nothing.
  std::size_t separator = colon;
  if (reference != authority.npos && reference < colon) {
    const std::size_t close = authority.find('}', reference);
    separator = close == authority.npos ? authority.npos : authority.find(':', close);
  }
  if (separator == authority.npos) return false;
  const std::string_view password = authority.substr(separator + 1);
  return !password.empty() && !base::IsSecretRef(password);
}

// key=value pairs, separated by any of "&?;#| ," or the ends of the text.
bool HasLiteralPair(std::string_view text) {
  constexpr std::string_view kSeparators = "&?;#| ,\t\n";
  for (std::size_t equals = text.find('='); equals != text.npos;
       equals = text.find('=', equals + 1)) {
    std::size_t key_end = equals;
    while (key_end > 0 && text[key_end - 1] == ' ') --key_end;
    const std::size_t before = text.substr(0, key_end).find_last_of(kSeparators);
    const std::size_t key_begin = before == text.npos ? 0 : before + 1;
    if (!IsSecretKey(text.substr(key_begin, key_end - key_begin))) continue;
    std::size_t value_begin = equals + 1;
    while (value_begin < text.size() && text[value_begin] == ' ') ++value_begin;
    const std::string_view rest = text.substr(value_begin);
    const std::size_t value_end =
        rest.starts_with("${") ? rest.find('}') + 1 : rest.find_first_of(kSeparators);
    const std::string_view value = rest.substr(0, value_end);
    if (!value.empty() && !base::IsSecretRef(value)) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string> FindLiteralSecret(std::string_view connection) {
  if (HasLiteralInUserPart(connection)) return Advice("the user part of the connection");
  if (HasLiteralPair(connection)) return Advice("an option of the connection");
  return std::nullopt;
}

}  // namespace prism::namespaces
