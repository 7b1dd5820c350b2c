// What a connection proves of its peer, as ServerCall::peer_identity says it.
#pragma once

#include <string>

namespace prism::rpc {

class TlsSession;

// "unix:1000": the user who connected, by the kernel's word (SO_PEERCRED). Empty when it has none:
// for other sockets, and for users of another machine's numbering.
std::string UnixIdentity(int fd);

// "spiffe://..." or "x509:CN=..." of a session that is open; empty when clients are not asked.
std::string CertificateIdentity(const TlsSession& session);

}  // namespace prism::rpc
