// Who may do what: asked once per call, before the gateway says whether the namespace exists.
#pragma once

#include <string_view>

#include "base/status.h"
#include "contract/method.h"
#include "security/principal.h"
#include "security/scope.h"

namespace prism::security {

// What a method of a namespace's data needs.
constexpr Permission Needed(contract::Access access) {
  return access == contract::Access::kRead ? Permission::kRead : Permission::kWrite;
}

// Thread rule: one object serves all shards; it decides from what it holds in memory and never
// waits. Life cycle: outlives the gateway that asks it.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  // PERMISSION_DENIED/ACCESS_DENIED when the caller may not; the same answer whether the namespace
  // exists or not.
  virtual Status Check(const Caller& caller, std::string_view ns, Permission needed) const = 0;
  // The same for what belongs to no namespace: backends, tokens, the audit.
  virtual Status CheckServer(const Caller& caller) const = 0;
};

// For development on loopback, where there is no authentication either.
class AllowAll final : public Authorizer {
 public:
  Status Check(const Caller&, std::string_view, Permission) const override { return {}; }
  Status CheckServer(const Caller&) const override { return {}; }
};

}  // namespace prism::security
