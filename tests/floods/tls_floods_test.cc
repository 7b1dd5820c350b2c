// What a TLS handshake costs the server is more than what it costs an attacker who never ends it.
// (That nobody can ask for a second handshake, server_tls_test.cc shows.)
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <fstream>
#include <memory>

#include "rpc/testing/certificates.h"
#include "tests/floods/arena.h"
#include "tests/floods/frames.h"

namespace prism::floods {
namespace {

// The first flight of a client, as the library would send it.
std::string ClientHello() {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);  // which own them from here on
  SSL_connect(ssl.get());
  std::string bytes(4096, '\0');
  bytes.resize(static_cast<std::size_t>(BIO_read(out, bytes.data(), 4096)));
  return bytes;
}

class TlsFloodsStress : public ::testing::Test {
 protected:
  TlsFloodsStress() {
    certificates_.Make("server", "DNS:localhost,IP:127.0.0.1");
    std::ofstream(certificates_.File("prism.yaml"))
        << "server: {limits: {handshake_timeout: 500ms}}\n";
  }

  Report Run(const Attack& attack) {
    Arena arena({"--config", certificates_.File("prism.yaml"), "--tls-certificate",
                 certificates_.File("server.pem"), "--tls-key", certificates_.File("server.key")},
                rpc::ClientTlsOptions{.ca_file = certificates_.File("ca.pem")});
    return arena.Run(attack);
  }

  rpc::testing::Certificates certificates_;
};

TEST_F(TlsFloodsStress, HalfHandshakes) {
  const std::string half = ClientHello().substr(0, 100);
  const Report report = Run({.name = "half TLS handshakes",
                             .script =
                                 [half](Attacker& attacker, std::string& out) {
                                   if (attacker.step == 0) out = half;
                                 },
                             .connections = 200,
                             .duration = AttackTime(),
                             .until_ended = 200});
  EXPECT_GE(report.attack.ended, 200) << "whoever does not go on is let go";
}

TEST_F(TlsFloodsStress, HandshakesThatNeverEnd) {
  const std::string hello = ClientHello();
  const Report report = Run({.name = "TLS handshakes that never end",
                             .script =
                                 [hello](Attacker& attacker, std::string& out) {
                                   if (attacker.step == 0) out = hello;
                                 },
                             .connections = 64,
                             .duration = AttackTime(),
                             .leaves_when_answered = true});
  EXPECT_GT(report.attack.received, 0u);
}

}  // namespace
}  // namespace prism::floods
