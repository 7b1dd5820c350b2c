#include "security/authenticator.h"

#include <pwd.h>

#include <algorithm>
#include <cstdio>

#include "base/strings.h"

namespace prism::security {

namespace {

Error Refused(std::string_view reason, std::string message) {
  return Error(Code::kUnauthenticated, reason, std::move(message));
}

// token68 of RFC 9110 section 11.2.
bool IsTokenCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("-._~+/=").contains(c);
}

}  // namespace

Result<std::string_view> BearerToken(std::string_view authorization) {
  const std::string_view value = base::Trim(authorization);
  const std::size_t space = value.find(' ');
  if (!base::EqualsNoCase(value.substr(0, space), "bearer")) {
    return std::unexpected(Refused("AUTH_SCHEME_UNSUPPORTED",
                                   "the header \"authorization\" has a scheme that is not known "
                                   "here: send \"Bearer \" and a token"));
  }
  const std::string_view token =
      space == value.npos ? std::string_view() : base::Trim(value.substr(space));
  if (token.empty() || !std::ranges::all_of(token, IsTokenCharacter)) {
    return std::unexpected(
        Refused("TOKEN_MALFORMED",
                "there is no token behind \"Bearer\", or one with characters that no token has: "
                "send it as it was printed when it was made"));
  }
  return token;
}

UserNames UserNames::Read(const std::string& path) {
  UserNames names;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             &std::fclose);
  if (file == nullptr) return names;
  passwd entry{};
  passwd* found = nullptr;
  std::string buffer(64 * 1024, '\0');
  while (fgetpwent_r(file.get(), &entry, buffer.data(), buffer.size(), &found) == 0) {
    const std::string_view name = entry.pw_name;
    const bool digits = std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
    std::string principal = std::string(kUnixPrefix).append(name);
    if (digits || !IsPrincipal(principal)) continue;
    // The first of several names for one number, as the system does it.
    names.names_.emplace(std::string(kUnixPrefix) + std::to_string(entry.pw_uid),
                         std::move(principal));
  }
  return names;
}

std::string_view UserNames::Resolve(std::string_view peer) const {
  const auto at = names_.find(peer);
  return at == names_.end() ? peer : std::string_view(at->second);
}

Result<Caller> Authenticator::Authenticate(const Credentials& credentials, WallMillis now) const {
  if (!credentials.authorization.empty() || credentials.several) {
    auto caller = ByToken(credentials, now);
    if (caller || options_.required) return caller;
  }
  if (!credentials.peer.empty()) return ByPeer(credentials.peer);
  if (!options_.required) return Caller();
  return std::unexpected(
      Refused("CREDENTIALS_REQUIRED",
              "this server wants to know who calls: send a token as \"authorization: Bearer "
              "TOKEN\", or show a client certificate"));
}

Result<Caller> Authenticator::ByToken(const Credentials& credentials, WallMillis now) const {
  if (credentials.several) {
    return std::unexpected(
        Refused("AUTHORIZATION_AMBIGUOUS",
                "the header \"authorization\" is there more than once: send one"));
  }
  TRY_ASSIGN(const std::string_view text, BearerToken(credentials.authorization));
  TRY_ASSIGN(const TokenInfo* token, tokens_->Verify(text, now));
  return Caller{.principal = token->principal,
                .proof = Proof::kToken,
                .token_id = token->id,
                .scope = &token->scope};
}

Caller Authenticator::ByPeer(std::string_view peer) const {
  const bool is_unix = peer.starts_with(kUnixPrefix);
  return Caller{.principal = is_unix ? options_.names.Resolve(peer) : peer,
                .proof = is_unix ? Proof::kUnixPeer : Proof::kCertificate};
}

}  // namespace prism::security
