// What a login is bound to on a TLS connection: tls-server-end-point (RFC 5929 section 4).
#pragma once

#include <openssl/types.h>

#include <string>

namespace prism::branching {

// The hash of the certificate by the algorithm of its signature, SHA-256 instead of MD5 and SHA-1.
// Empty when that algorithm has no hash of its own, as Ed25519, for which the RFC defines none:
// libpq gives up when binding is offered all the same. Not null.
std::string TlsServerEndPoint(X509* certificate);

}  // namespace prism::branching
