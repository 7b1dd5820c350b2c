// What callers say of themselves: the first line of an input is the header `authorization`, the
// second what the connection proves, the rest a text that may be a scope, a principal or hold a
// token. Who gets in must have the secret; nothing that was refused is repeated.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "security/authenticator.h"
#include "security/principal.h"
#include "security/scope.h"
#include "security/token_table.h"
#include "security/token_text.h"

namespace {

namespace security = prism::security;

constexpr prism::WallMillis kNow = 1'800'000'000'000;
// The corpus has them.
constexpr std::string_view kLive =
    "prism_FuzzerToken1_0123456789012345678901234567890123456789abc1RFNCO";
constexpr std::string_view kRevoked =
    "prism_FuzzerToken2_9876543210987654321098765432109876543210abc08B0Ns";
constexpr std::string_view kExpired =
    "prism_FuzzerToken3_5555555555555555555555555555555555555555abc0wXqDx";
constexpr std::string_view kDamaged =
    "prism_FuzzerToken4_4444444444444444444444444444444444444444abc1UPQmH";

void Require(bool holds) {
  if (!holds) std::abort();
}

std::shared_ptr<const security::TokenTable> MakeTokens() {
  std::vector<security::TokenTable::Row> rows;
  for (const std::string_view text : {kLive, kRevoked, kExpired, kDamaged}) {
    const auto parts = security::ParseToken(text);
    Require(parts.has_value());
    security::TokenTable::Row row;
    row.info.id = parts->id;
    row.info.principal = "fuzzer";
    row.info.scope = *security::TokenScope::Parse("orders:read");
    row.info.damaged = text == kDamaged;
    if (text == kRevoked) row.info.revoked_at = 1;
    if (text == kExpired) row.info.expires_at = kNow;
    row.hash = *security::HashFromHex(security::HexOf(security::HashSecret(parts->secret)));
    rows.push_back(std::move(row));
  }
  Require(security::ParseToken(*security::NewTokenText()).has_value());
  auto tokens = std::make_shared<const security::TokenTable>(std::move(rows));
  Require(tokens->NextExpiry(kNow - 1) == kNow && !tokens->NextExpiry(kNow));
  return tokens;
}

bool RepeatsSecret(std::string_view said, std::string_view shown) {
  const auto parts = security::ParseToken(shown);
  return parts && said.contains(parts->secret);
}

void CheckCaller(const security::Authenticator& authenticator, std::string_view header,
                 std::string_view peer) {
  const auto token = security::BearerToken(header);
  const auto caller =
      authenticator.Authenticate({.authorization = header, .several = false, .peer = peer}, kNow);
  if (!caller) {
    Require(!caller.error().reason().empty());
    Require(!token || !RepeatsSecret(caller.error().ToString(), *token));
    return;
  }
  Require(!caller->principal.empty());
  if (caller->proof == security::Proof::kToken) {
    Require(token && *token == kLive && caller->scope != nullptr);
  } else {
    // Nothing said on the way in makes up for a connection that proves nothing.
    Require(caller->scope == nullptr && (!peer.empty() || !authenticator.required()));
    Require(!authenticator.required() || header.empty());
  }
}

void CheckScope(std::string_view text) {
  const auto scope = security::TokenScope::Parse(text);
  if (!scope) return Require(scope.error().reason() == "BAD_SCOPE");
  const auto again = security::TokenScope::Parse(scope->ToString());
  Require(again.has_value() && *again == *scope && again->ToString() == scope->ToString());
  Require(scope->server_admin() ==
          (scope->ToString() == "admin" && scope->LevelOn("x") == security::Permission::kAdmin));
}

void CheckText(std::string_view text) {
  const std::string redacted = security::RedactTokens(text);
  Require(!redacted.contains(kLive) && redacted.size() <= text.size());
  Require(security::RedactTokens(redacted) == redacted);
  if (security::IsPrincipalName(text)) Require(security::IsPrincipal(text) && !text.contains(':'));
  if (const auto hash = security::HashFromHex(text)) Require(security::HexOf(*hash) == text);
  Require(!security::IsTokenId(text) || security::IsPrincipalName(text));
}

std::string_view TakeLine(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto tokens = MakeTokens();
  static const security::Authenticator asking(
      {.required = true, .names = security::UserNames::Read()}, tokens);
  static const security::Authenticator open({.required = false, .names = {}}, tokens);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view header = TakeLine(rest);
  const std::string_view peer = TakeLine(rest);
  CheckCaller(asking, header, peer);
  CheckCaller(open, header, peer);
  Require(!asking.Authenticate({.authorization = header, .several = true, .peer = peer}, kNow));
  CheckScope(rest);
  CheckText(rest);
  return 0;
}
