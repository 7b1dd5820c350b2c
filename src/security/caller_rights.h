// What whoever makes a call of the admin API may do, for the methods that judge it themselves.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "security/guard.h"
#include "security/principal.h"
#include "security/scope.h"

namespace prism::security {

// The caller and the guard as they were when the call began, or, where it may last, as they are
// now. Methods ask before they look anything up, so that nobody learns what is there. Life cycle:
// in the frame of what serves the call. Thread rule: that of the call, since they may be renewed
// there meanwhile: work on other threads takes a copy along. Never waits.
class CallerRights {
 public:
  // `caller`: views of the guard and of the connection; those of the connection are copied. An
  // error, for what anybody may call, is the answer to whoever asks for more. `peer`: the address.
  CallerRights(std::shared_ptr<const Guard> guard, Result<Caller> caller, std::string_view peer);
  // As they are now, for good.
  CallerRights(const CallerRights& other);
  CallerRights& operator=(const CallerRights&) = delete;

  // Who it is; anonymous when CheckIdentity fails, and without authentication.
  const Caller& caller() const { return caller_; }
  // "127.0.0.1:4711" or "unix:".
  std::string_view peer() const { return peer_; }

  // The same caller under another guard.
  void Renew(std::shared_ptr<const Guard> guard, const Caller& caller);

  // UNAUTHENTICATED, as Authenticator says, when it is not known who calls.
  Status CheckIdentity() const { return identified_; }
  // The same, and PERMISSION_DENIED/ACCESS_DENIED for who does not administer the server.
  Status CheckServer() const;
  // The same for who may not do so much in the namespace, which need not exist.
  Status Check(std::string_view ns, Permission needed) const;

 private:
  std::shared_ptr<const Guard> guard_;
  Status identified_;
  Caller caller_;
  std::string principal_;
  const std::string peer_;
};

}  // namespace prism::security
