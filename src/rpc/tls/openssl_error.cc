#include "rpc/tls/openssl_error.h"

#include <openssl/err.h>

namespace prism::rpc {

std::string OpenSslReason() {
  std::string reason = "unknown reason";
  while (const unsigned long code = ERR_get_error()) {
    if (const char* text = ERR_reason_error_string(code)) reason = text;
  }
  return reason;
}

}  // namespace prism::rpc
