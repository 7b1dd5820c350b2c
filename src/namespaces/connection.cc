#include "namespaces/connection.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <utility>
#include <vector>

#include "base/percent.h"
#include "base/secret_ref.h"
#include "base/strings.h"

namespace prism::namespaces {

namespace {

// Stands for a whole reference in texts that are searched: what is inside of one separates nothing.
constexpr char kReference = '\x7f';

// Ends of the names of options whose values are secrets, as PlainKey spells them.
constexpr std::array<std::string_view, 22> kSecretEnds = {
    "password",  "passwd",     "pwd",         "passphrase",    "secret",    "secretid",
    "token",     "credential", "credentials", "apikey",        "accesskey", "accountkey",
    "secretkey", "privatekey", "masterkey",   "encryptionkey", "sharedkey", "signingkey",
    "authkey",   "hmackey",    "signature",   "requirepass"};
// Last words of such names: "db_pass" is one, "bypass" is not.
constexpr std::array<std::string_view, 7> kSecretWords = {"pass",   "passw", "pw", "authorization",
                                                          "bearer", "jwt",   "sig"};
// Ends of the names of tokens that tell calls apart and open nothing, unless they look random.
constexpr std::array<std::string_view, 3> kOpenTokens = {"deduptoken", "deduplicationtoken",
                                                         "idempotencytoken"};
// What a host is not called, so that digits behind it are no port.
constexpr std::array<std::string_view, 5> kPasswordWords = {"password", "passwd", "pwd",
                                                            "passphrase", "pass"};
// Values that switch something on or off.
constexpr std::array<std::string_view, 8> kSwitches = {"true", "false", "yes",  "no",
                                                       "on",   "off",   "none", "null"};
// Schemes whose user part alone is a token.
constexpr std::array<std::string_view, 4> kTokenSchemes = {"nats", "tls", "ws", "wss"};

constexpr std::string_view kWhitespace = " \t\n";

std::string Advice(std::string_view where) {
  return fmt::format(
      "{} holds a password in clear text: write ${{env:NAME}} or ${{file:PATH}} in its place, and "
      "put the password there",
      where);
}

bool IsLetterOrDigit(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool IsLower(char c) { return std::islower(static_cast<unsigned char>(c)) != 0; }
bool IsUpper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }

bool IsOneOf(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// Nothing, or references alone.
bool IsReference(std::string_view text) { return text.find_first_not_of(kReference) == text.npos; }

std::string WithMarkedReferences(std::string_view text) {
  std::string marked;
  std::size_t done = 0;
  if (const auto references = base::FindSecretRefs(text)) {
    for (const base::SecretRef& reference : *references) {
      marked.append(text, done, reference.begin - done);
      marked += kReference;
      done = reference.end;
    }
  }
  return marked.append(text, done);
}

std::string PercentDecoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto escaped = base::PercentEscapeAt(text, i);
    decoded += escaped.value_or(text[i]);
    if (escaped) i += 2;
  }
  return decoded;
}

// The key without a number at its end ("password2"), nor quotes around it.
std::string_view WithoutNumber(std::string_view key) {
  while (!key.empty() && (IsDigit(key.back()) || !IsLetterOrDigit(key.back()))) {
    key.remove_suffix(1);
  }
  return key;
}

// "sasl.password", "X-Amz-Signature" and "AccountKey" become small letters and digits.
std::string PlainKey(std::string_view key) {
  std::string plain = base::LowerCase(WithoutNumber(key));
  std::erase_if(plain, [](char c) { return !IsLetterOrDigit(c); });
  return plain;
}

// "pass" of "db_pass", "DB_PASS" and "dbPass".
std::string LastWord(std::string_view key) {
  key = WithoutNumber(key);
  std::size_t begin = key.size();
  while (begin > 0 && IsLower(key[begin - 1])) --begin;
  const bool capitals = begin == key.size();
  while (begin > 0 && IsUpper(key[begin - 1])) {
    --begin;
    if (!capitals) break;
  }
  return base::LowerCase(key.substr(begin));
}

bool IsSecretKey(std::string_view key) {
  const std::string plain = PlainKey(key);
  const auto ends = [&plain](std::string_view end) { return plain.ends_with(end); };
  return plain == "auth" || std::ranges::any_of(kSecretEnds, ends) ||
         IsOneOf(kSecretWords, LastWord(key));
}

// 20 letters and digits or more that often change between capitals, small letters and digits: 5 of
// 8 neighbours do in random base64, half in random hex, and a third at most in CamelCaseNamesV2.
bool LooksRandom(std::string_view text) {
  constexpr std::size_t kShortest = 20;
  constexpr std::string_view kOfBase64 = "+/=_-";
  std::size_t size = 0;
  std::size_t changes = 0;
  bool hex = true;
  char last = 0;
  for (const char c : text) {
    if (kOfBase64.contains(c)) continue;
    if (!IsLetterOrDigit(c)) return false;
    if (size > 0 && (IsDigit(c) != IsDigit(last) || IsUpper(c) != IsUpper(last))) ++changes;
    hex &= std::isxdigit(static_cast<unsigned char>(c)) != 0;
    last = c;
    ++size;
  }
  // Few names have no letters but a to f.
  const std::size_t often = hex ? size * 2 / 8 : size * 3 / 8;
  return size >= kShortest && std::ranges::any_of(text, IsDigit) && changes > often;
}

// Nothing, references alone, or a switch.
bool IsOpen(std::string_view value) {
  return IsReference(value) || IsOneOf(kSwitches, base::LowerCase(value));
}

// "Bearer x" is as secret as x.
std::string_view WithoutAuthScheme(std::string_view value) {
  for (const std::string_view scheme : {"bearer ", "basic "}) {
    if (base::LowerCase(value.substr(0, scheme.size())) == scheme)
      return value.substr(scheme.size());
  }
  return value;
}

// Whether a value of the key is a secret, and no reference to one.
bool IsLiteral(std::string_view key, std::string_view value) {
  // Less than 96 bits in base64 sign nothing: it names the algorithm.
  constexpr std::size_t kShortestSignature = 16;
  value = WithoutAuthScheme(value);
  if (IsOpen(value)) return false;
  const std::string plain = PlainKey(key);
  if (plain.ends_with("signature")) return value.size() >= kShortestSignature;
  const auto ends = [&plain](std::string_view end) { return plain.ends_with(end); };
  if (std::ranges::any_of(kOpenTokens, ends)) return LooksRandom(value);
  return IsSecretKey(key) || (plain.ends_with("key") && LooksRandom(value));
}

// "token@host" has no password, and may be none the less what nobody must see.
bool IsLiteralToken(std::string_view scheme, std::string_view user) {
  if (IsReference(user)) return false;
  return IsOneOf(kTokenSchemes, base::LowerCase(scheme)) || LooksRandom(user);
}

// Whether `behind` a '/' goes on as if all before its last '@' were a password: "ss@host:6379".
bool GoesOnWithPort(std::string_view behind) {
  const std::string_view path = behind.substr(0, behind.find_first_of("?# \t\n"));
  const std::size_t at = path.rfind('@');
  if (at == path.npos) return false;
  const std::string_view host = path.substr(at + 1, path.find('/', at) - at - 1);
  const std::size_t colon = host.rfind(':');
  return colon != host.npos && colon + 1 < host.size() &&
         std::ranges::all_of(host.substr(colon + 1), IsDigit);
}

// Whether text before a '/' is "user:pass" of a password with a slash, and not "host:6379".
bool IsUserAndPassword(std::string_view text, std::string_view behind) {
  constexpr std::size_t kLongestPort = 5;
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || text.ends_with(']')) return false;  // "[::1]"
  const std::string_view port = text.substr(colon + 1);
  const auto digit = [](char c) { return IsDigit(c) || c == kReference; };
  if (!std::ranges::all_of(port, digit)) return true;
  return !IsReference(port) && (port.size() > kLongestPort || GoesOnWithPort(behind));
}

// `text` begins behind "://": the user part lies before the last '@' that is before the path.
bool HasLiteralInUserPart(std::string_view scheme, std::string_view text) {
  const std::string_view authority = text.substr(0, text.find_first_of("/?# \t\n"));
  const std::size_t at = authority.rfind('@');
  if (at == authority.npos) {
    return text.contains('@') && IsUserAndPassword(authority, text.substr(authority.size()));
  }
  const std::string_view user_part = authority.substr(0, at);
  const std::size_t colon = user_part.find(':');
  const std::string_view user = user_part.substr(0, colon);
  const std::string_view password = colon == user_part.npos ? "" : user_part.substr(colon + 1);
  if (password.empty()) return IsLiteralToken(scheme, user);
  return !IsReference(password) && base::LowerCase(user) != "mailto";
}

// Of each URL in the text ("nats://a,nats://b"), and of its beginning without a scheme.
bool HasLiteralInUrls(std::string_view text) {
  constexpr std::string_view kColon = "://";
  if (HasLiteralInUserPart("", text)) return true;
  for (std::size_t colon = text.find(kColon); colon != text.npos;
       colon = text.find(kColon, colon + 1)) {
    std::size_t begin = colon;
    while (begin > 0 && IsLetterOrDigit(text[begin - 1])) --begin;
    const std::string_view scheme = text.substr(begin, colon - begin);
    if (HasLiteralInUserPart(scheme, text.substr(colon + kColon.size()))) return true;
  }
  return false;
}

// The value at the beginning of `rest`, without quotes around it.
std::string_view PairValue(std::string_view rest, std::string_view separators) {
  rest = WithoutAuthScheme(rest);
  const std::string_view value = rest.substr(0, rest.find_first_of(separators));
  const bool quoted = value.size() >= 2 && (value.front() == '\'' || value.front() == '"') &&
                      value.front() == value.back();
  return quoted ? value.substr(1, value.size() - 2) : value;
}

// "password", "db_password" and "sasl.password", but not "forgot-password", which may be a host.
bool IsPasswordWord(std::string_view key) {
  return IsOneOf(kPasswordWords, base::LowerCase(key.substr(key.find_last_of("_.") + 1)));
}

// Whether a ':' between the two is that of a URL, a port or a name of several parts.
bool IsOtherColon(std::string_view key, std::string_view rest) {
  constexpr std::size_t kLongestPort = 5;
  if (key.find_first_of(":/") != key.npos || rest.starts_with("//")) return true;
  const std::string_view port = rest.substr(0, rest.find_first_of(",/"));
  if (port.empty() || port.size() > kLongestPort || !std::ranges::all_of(port, IsDigit)) {
    return false;
  }
  const bool path = port.size() < rest.size() && rest[port.size()] == '/';
  return path || !IsPasswordWord(key);
}

// key=value and key: value pairs, separated by any of "&?;#| ," or the ends of the text.
bool HasLiteralPair(std::string_view text) {
  constexpr std::string_view kSeparators = "&?;#| ,\t\n";
  for (std::size_t sign = text.find_first_of("=:"); sign != text.npos;
       sign = text.find_first_of("=:", sign + 1)) {
    std::string_view key = text.substr(0, sign);
    key = key.substr(0, key.find_last_not_of(kWhitespace) + 1);
    key = key.substr(key.find_last_of(kSeparators) + 1);
    std::string_view rest = text.substr(sign + 1);
    if (text[sign] == ':' && IsOtherColon(key, rest)) continue;
    rest.remove_prefix(std::min(rest.find_first_not_of(kWhitespace), rest.size()));
    if (IsLiteral(key, PairValue(rest, kSeparators))) return true;
  }
  return false;
}

// As it is written and as often as it may have been percent-encoded: %2540 is %40 is @.
std::optional<std::string> FindInText(std::string_view text) {
  constexpr int kMostSpellings = 4;
  std::string spelling(text);
  for (int i = 0; i < kMostSpellings; ++i) {
    if (HasLiteralInUrls(spelling)) return Advice("the user part of the connection");
    if (HasLiteralPair(spelling)) return Advice("an option of the connection");
    std::string decoded = PercentDecoded(spelling);
    if (decoded == spelling) break;
    spelling = std::move(decoded);
  }
  return std::nullopt;
}

// What a driver reads as JSON. What is inside of a secret is secret too, but "auth" groups
// settings.
std::optional<std::string> FindInJson(const nlohmann::json& root) {
  struct Open {
    const nlohmann::json* value;
    std::string key;  // of the value, or of the secret that it is in
  };
  std::vector<Open> open = {{&root, ""}};
  while (!open.empty()) {
    const auto [value, key] = std::move(open.back());
    open.pop_back();
    if (value->is_string() || value->is_number()) {
      const std::string text = value->is_string() ? value->get<std::string>() : value->dump();
      if (IsLiteral(key, text)) return Advice("an option of the connection");
      if (auto found = FindInText(text)) return found;
    }
    if (!value->is_structured()) continue;
    const bool group = value->is_object() && PlainKey(key) == "auth";
    const bool inherit = value->is_array() || (IsSecretKey(key) && !group);
    for (const auto& [name, item] : value->items()) {
      open.push_back({&item, inherit && !IsSecretKey(name) ? key : name});
    }
  }
  return std::nullopt;
}

std::optional<std::string> FindInConnection(std::string_view connection) {
  const std::size_t begin = connection.find_first_not_of(kWhitespace);
  if (begin != connection.npos && (connection[begin] == '{' || connection[begin] == '[')) {
    const auto json = nlohmann::json::parse(connection, nullptr, false);
    if (!json.is_discarded()) return FindInJson(json);
  }
  return FindInText(connection);
}

}  // namespace

std::optional<std::string> FindLiteralSecret(std::string_view connection) {
  return FindInConnection(WithMarkedReferences(connection));
}

std::optional<std::string> FindLiteralSecret(std::string_view key, std::string_view value) {
  const std::string marked = WithMarkedReferences(value);
  if (IsLiteral(key, marked)) return Advice(fmt::format("the option \"{}\"", key));
  return FindInConnection(marked);
}

}  // namespace prism::namespaces
