// Who may do what: asked once per call, before the gateway says whether the namespace exists.
#pragma once

#include <string_view>

#include "base/status.h"
#include "contract/method.h"

namespace prism::security {

// Thread rule: one object serves all shards; it decides from what it holds in memory and never
// waits. Life cycle: outlives the gateway that asks it.
class Authorizer {
 public:
  virtual ~Authorizer() = default;
  // PERMISSION_DENIED/ACCESS_DENIED when the principal may not; the same answer whether the
  // namespace exists or not.
  virtual Status Check(std::string_view principal, std::string_view ns,
                       contract::Access access) const = 0;
};

// For development on loopback, where there is no authentication either.
class AllowAll final : public Authorizer {
 public:
  Status Check(std::string_view, std::string_view, contract::Access) const override { return {}; }
};

}  // namespace prism::security
