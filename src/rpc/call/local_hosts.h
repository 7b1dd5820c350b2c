// Which names a server that only its own machine reaches answers to. A page of the internet can
// give its own name the address 127.0.0.1 (DNS rebinding): its browser then takes this server for
// the page's own, and no rule about origins applies. The name that the browser asked for tells.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "rpc/request_headers.h"

namespace prism::rpc {

// Immutable. Thread rule: any.
class LocalHosts {
 public:
  // `listen`: the address as it is configured; its host is answered to beside those that no page
  // can have: numbers, and the names that RFC 6761 section 6.3 keeps for this machine.
  explicit LocalHosts(std::string_view listen);

  // PERMISSION_DENIED/HOST_NOT_ALLOWED. A request that names no host is let in: browsers always do.
  Status Check(const RequestHeaders& request) const;

 private:
  std::string own_;  // in lower case
};

}  // namespace prism::rpc
