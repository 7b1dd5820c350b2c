// Who a caller is: by a token, a client certificate or the peer of a unix socket, never by its own
// word.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/status.h"
#include "security/principal.h"
#include "security/token_table.h"

namespace prism::security {

// What a call and its connection show.
struct Credentials {
  // Value of the header (the metadata of gRPC) `authorization`; empty: there is none.
  std::string_view authorization = {};
  bool several = false;  // the header was there more than once
  // What the connection itself proves: "spiffe://..." or "x509:..." of a verified certificate,
  // "unix:UID" of the kernel's word on a unix socket, or empty.
  std::string_view peer = {};
};

// The token of a header `Bearer TOKEN` (RFC 6750 section 2.1), not looked at further.
// UNAUTHENTICATED: AUTH_SCHEME_UNSUPPORTED for another scheme, TOKEN_MALFORMED for what can't be
// one. No error repeats any of the header.
Result<std::string_view> BearerToken(std::string_view authorization);

// "unix:1000" -> "unix:ann", of the accounts that a file like /etc/passwd has. Accounts of the
// network are not asked for: that blocks, and fails when the network does. Names of digits alone
// are left out, since they could be taken for numbers.
class UserNames {
 public:
  UserNames() = default;
  // Blocking. A file that can't be read has no names.
  static UserNames Read(const std::string& path = "/etc/passwd");

  // The name if there is one, else `peer`.
  std::string_view Resolve(std::string_view peer) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> names_;
};

// Immutable: a change makes another one. Thread rule: one object serves all shards; never waits,
// and allocates for errors only.
class Authenticator {
 public:
  struct Options {
    // Else whoever shows nothing, or nothing that counts, is `anonymous`.
    bool required = true;
    UserNames names = {};
  };

  Authenticator(Options options, std::shared_ptr<const TokenTable> tokens)
      : options_(std::move(options)), tokens_(std::move(tokens)) {}

  // A token goes before what the connection proves; one that does not count is an error and not a
  // reason to look further. UNAUTHENTICATED: CREDENTIALS_REQUIRED, AUTHORIZATION_AMBIGUOUS, and
  // those of BearerToken and TokenTable::Verify. `now`: of the clock that never runs backwards.
  Result<Caller> Authenticate(const Credentials& credentials, WallMillis now) const;

  bool required() const { return options_.required; }

 private:
  Result<Caller> ByToken(const Credentials& credentials, WallMillis now) const;
  Caller ByPeer(std::string_view peer) const;

  const Options options_;
  const std::shared_ptr<const TokenTable> tokens_;
};

}  // namespace prism::security
