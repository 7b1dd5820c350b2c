#include "namespaces/connection.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "base/percent.h"
#include "base/secret_ref.h"

namespace prism::namespaces {

namespace {

// Ends of the names of options whose values are secrets, without "_", "-" and ".".
constexpr std::array<std::string_view, 20> kSecretEnds = {
    "password",   "passwd",     "pwd",         "passphrase",    "secret",
    "token",      "credential", "credentials", "apikey",        "accesskey",
    "accountkey", "secretkey",  "privatekey",  "encryptionkey", "masterkey",
    "signature",  "sharedkey",  "signingkey",  "authkey",       "hmackey"};
// The whole of such names.
constexpr std::array<std::string_view, 5> kSecretNames = {"auth", "sig", "pass", "bearer",
                                                          "requirepass"};

std::string Advice(std::string_view where) {
  return fmt::format(
      "{} holds a password in clear text: write ${{env:NAME}} or ${{file:PATH}} in its place, and "
      "put the password there",
      where);
}

// Schemes whose user part alone is a token.
constexpr std::array<std::string_view, 5> kTokenSchemes = {"nats", "tls", "ws", "http", "https"};

// "sasl.password", "X-Amz-Signature", "pass%77ord" and "AccountKey" become letters and digits.
std::string PlainKey(std::string_view key) {
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
  return plain;
}

// 20 characters or more of several kinds, as no person and no program names anything.
bool LooksRandom(std::string_view text) {
  constexpr std::size_t kShortest = 20;
  constexpr std::string_view kOfBase64 = "+/=_-";
  bool upper = false;
  bool lower = false;
  bool digit = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) == 0 && !kOfBase64.contains(c)) return false;
    upper |= std::isupper(byte) != 0;
    lower |= std::islower(byte) != 0;
    digit |= std::isdigit(byte) != 0;
  }
  return text.size() >= kShortest && upper && lower && digit;
}

bool IsSecretKey(std::string_view key) {
  const std::string plain = PlainKey(key);
  const auto ends = [&plain](std::string_view end) { return plain.ends_with(end); };
  return std::ranges::any_of(kSecretEnds, ends) ||
         std::ranges::find(kSecretNames, plain) != kSecretNames.end();
}

// Whether a value of the key is a secret, and no reference to one.
bool IsLiteral(std::string_view key, std::string_view value) {
  if (value.empty() || base::IsSecretRef(value)) return false;
  return IsSecretKey(key) || (PlainKey(key).ends_with("key") && LooksRandom(value));
}

// "token@host" has no password, and may be none the less what nobody must see.
bool IsLiteralToken(std::string_view scheme, std::string_view user) {
  if (user.empty() || base::IsSecretRef(user)) return false;
  return std::ranges::find(kTokenSchemes, scheme) != kTokenSchemes.end() || LooksRandom(user);
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
  std::size_t separator = colon;
  // A colon inside of a reference to the user name separates nothing.
  if (colon != authority.npos && reference != authority.npos && reference < colon) {
    const std::size_t close = authority.find('}', reference);
    separator = close == authority.npos ? authority.npos : authority.find(':', close);
  }
  if (separator == authority.npos) {
    return IsLiteralToken(begin == 0 ? "" : text.substr(0, scheme), authority);
  }
  const std::string_view password = authority.substr(separator + 1);
  return !password.empty() && !base::IsSecretRef(password);
}

// One of several URLs ("nats://a,nats://b"), with which the text begins.
std::string_view FirstUrl(std::string_view text) {
  for (std::size_t comma = text.find(','); comma != text.npos; comma = text.find(',', comma + 1)) {
    const std::string_view rest = text.substr(comma + 1);
    const std::size_t scheme = rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+.-");
    if (scheme != 0 && scheme != rest.npos && rest.substr(scheme).starts_with("://")) {
      return text.substr(0, comma);
    }
  }
  return text;
}

bool HasLiteralInUrls(std::string_view text) {
  for (;;) {
    const std::string_view url = FirstUrl(text);
    if (HasLiteralInUserPart(url)) return true;
    if (url.size() == text.size()) return false;
    text.remove_prefix(url.size() + 1);
  }
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
    const std::string_view key = text.substr(key_begin, key_end - key_begin);
    std::size_t value_begin = equals + 1;
    while (value_begin < text.size() && text[value_begin] == ' ') ++value_begin;
    const std::string_view rest = text.substr(value_begin);
    const std::size_t value_end =
        rest.starts_with("${") ? rest.find('}') + 1 : rest.find_first_of(kSeparators);
    const std::string_view value = rest.substr(0, value_end);
    if (IsLiteral(key, value)) return true;
  }
  return false;
}

std::optional<std::string> FindInText(std::string_view text) {
  if (HasLiteralInUrls(text)) return Advice("the user part of the connection");
  if (HasLiteralPair(text)) return Advice("an option of the connection");
  return std::nullopt;
}

// What a driver reads as JSON. Nothing: there is none in it.
std::optional<std::string> FindInJson(const nlohmann::json& root) {
  std::vector<const nlohmann::json*> open = {&root};
  while (!open.empty()) {
    const nlohmann::json& value = *open.back();
    open.pop_back();
    if (value.is_string()) {
      if (auto found = FindInText(value.get_ref<const std::string&>())) return found;
    }
    if (!value.is_structured()) continue;
    for (const auto& [key, item] : value.items()) {
      open.push_back(&item);
      if (!item.is_string() && !item.is_number()) continue;
      const std::string text = item.is_string() ? item.get<std::string>() : item.dump();
      if (IsLiteral(key, text)) return Advice("an option of the connection");
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> FindLiteralSecret(std::string_view connection) {
  const std::size_t begin = connection.find_first_not_of(" \t");
  if (begin != connection.npos && (connection[begin] == '{' || connection[begin] == '[')) {
    const auto json = nlohmann::json::parse(connection, nullptr, false);
    if (!json.is_discarded()) return FindInJson(json);
  }
  return FindInText(connection);
}

std::optional<std::string> FindLiteralSecret(std::string_view key, std::string_view value) {
  if (IsLiteral(key, value)) return Advice(fmt::format("the option \"{}\"", key));
  return FindLiteralSecret(value);
}

}  // namespace prism::namespaces
