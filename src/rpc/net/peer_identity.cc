#include "rpc/net/peer_identity.h"

#include <sys/socket.h>

#include "rpc/tls/server_tls.h"

namespace prism::rpc {

std::string UnixIdentity(int fd) {
  constexpr uid_t kNobody = static_cast<uid_t>(-1);  // what TCP sockets have
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid == kNobody)
    return {};
  return "unix:" + std::to_string(peer.uid);
}

std::string CertificateIdentity(const TlsSession& session) {
  std::string identity = session.PeerIdentity();
  // A subject begins with the type of an attribute, never so.
  if (identity.empty() || identity.starts_with("spiffe://")) return identity;
  return "x509:" + identity;
}

}  // namespace prism::rpc
