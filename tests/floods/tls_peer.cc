#include "tests/floods/tls_peer.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>

namespace prism::floods {

void TlsPeer::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void TlsPeer::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

TlsPeer::TlsPeer(TlsKind kind, std::string_view protocol)
    : context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX_set_max_proto_version(context_.get(),
                                kind == TlsKind::k12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));  // owns them
  SSL_set_connect_state(ssl_.get());
  if (protocol.empty()) return;
  const std::string wire = static_cast<char>(protocol.size()) + std::string(protocol);
  SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                      static_cast<unsigned>(wire.size()));
}

TlsPeer::~TlsPeer() = default;

void TlsPeer::Hear(std::string_view bytes) {
  BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
}

std::string TlsPeer::Say() {
  ERR_clear_error();
  SSL_do_handshake(ssl_.get());
  BIO* const out = SSL_get_wbio(ssl_.get());
  std::string bytes(static_cast<std::size_t>(BIO_ctrl_pending(out)), '\0');
  if (!bytes.empty()) BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

bool TlsPeer::open() const { return SSL_is_init_finished(ssl_.get()) == 1; }

void TlsPeer::Write(std::string_view plain) {
  SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size()));
}

void TlsPeer::Renegotiate() { SSL_renegotiate(ssl_.get()); }

void TlsPeer::UpdateKey() {
  SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED);
  SSL_do_handshake(ssl_.get());
}

Script TlsAttackers::Abusing(TlsKind kind, Abuse abuse) {
  return [this, kind, abuse = std::move(abuse)](Attacker& attacker, std::string& out) {
    std::unique_ptr<TlsPeer>& peer = Of(attacker);
    if (attacker.step == 0) peer = std::make_unique<TlsPeer>(kind, "h2");
    if (peer == nullptr) return;
    out = peer->Say();
    if (!peer->open()) return;
    abuse(*peer);
    out += peer->Say();
    peer.reset();
  };
}

Listener TlsAttackers::Hearing() {
  return [this](Attacker& attacker, std::string_view bytes) {
    if (std::unique_ptr<TlsPeer>& peer = Of(attacker)) peer->Hear(bytes);
  };
}

std::unique_ptr<TlsPeer>& TlsAttackers::Of(const Attacker& attacker) {
  const auto index = static_cast<std::size_t>(attacker.index);
  if (peers_.size() <= index) peers_.resize(index + 1);
  return peers_[index];
}

}  // namespace prism::floods
