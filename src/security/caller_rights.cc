#include "security/caller_rights.h"

#include <utility>

namespace prism::security {

CallerRights::CallerRights(std::shared_ptr<const Guard> guard, Result<Caller> caller,
                           std::string_view peer)
    : guard_(std::move(guard)), peer_(peer) {
  if (!caller) {
    identified_ = std::unexpected(std::move(caller).error());
    return;
  }
  caller_ = *caller;
  // What a connection proves goes with it, and the call may last longer.
  principal_ = caller_.principal;
  caller_.principal = principal_;
}

CallerRights::CallerRights(const CallerRights& other)
    : guard_(other.guard_),
      identified_(other.identified_),
      caller_(other.caller_),
      principal_(other.principal_),
      peer_(other.peer_) {
  if (identified_) caller_.principal = principal_;
}

void CallerRights::Renew(std::shared_ptr<const Guard> guard, const Caller& caller) {
  principal_ = caller.principal;  // before the old guard goes, which may hold what is viewed
  guard_ = std::move(guard);
  caller_ = caller;
  caller_.principal = principal_;
}

Status CallerRights::CheckServer() const {
  TRY(CheckIdentity());
  return guard_->authorizer().CheckServer(caller_);
}

Status CallerRights::Check(std::string_view ns, Permission needed) const {
  TRY(CheckIdentity());
  return guard_->authorizer().Check(caller_, ns, needed);
}

}  // namespace prism::security
