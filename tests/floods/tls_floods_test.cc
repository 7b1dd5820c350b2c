// What a TLS handshake costs the server is more than what it costs an attacker who never ends it,
// and a session that is open can be made to begin another one.
#include <gtest/gtest.h>

#include <fstream>

#include "rpc/server.h"
#include "rpc/testing/certificates.h"
#include "tests/floods/arena.h"
#include "tests/floods/frames.h"
#include "tests/floods/slow.h"
#include "tests/floods/tls_peer.h"

namespace prism::floods {
namespace {

constexpr int kBurst = 200;

// A first record of the second flight that announces more than will come: a handshake record of TLS
// 1.2, or what TLS 1.3 shows of one (RFC 8446 section 5.2).
std::string RecordHeader(TlsKind kind) {
  return (kind == TlsKind::k12 ? "\x16\x03\x03" : "\x17\x03\x03") + Number(0x4000, 2);
}

class TlsFloodsStress : public ::testing::Test {
 protected:
  TlsFloodsStress() { certificates_.Make("server", "DNS:localhost,IP:127.0.0.1"); }

  Arena MakeArena(const TimeLimit& limit) {
    std::ofstream(certificates_.File("prism.yaml")) << limit.Config();
    return {{"--config", certificates_.File("prism.yaml"), "--tls-certificate",
             certificates_.File("server.pem"), "--tls-key", certificates_.File("server.key")},
            rpc::ClientTlsOptions{.ca_file = certificates_.File("ca.pem")}};
  }

  const TimeLimit limit_{"handshake_timeout", rpc::ServerLimits{}.handshake_timeout};
  rpc::testing::Certificates certificates_;
};

TEST_F(TlsFloodsStress, HalfHandshakes) {
  const std::string hello = TlsPeer(TlsKind::k13).Say();
  const std::string old_hello = TlsPeer(TlsKind::k12).Say();
  TlsAttackers sessions;
  Arena arena = MakeArena(limit_);
  RunSlow(
      arena,
      {.name = "half TLS handshakes",
       .limit = limit_,
       .kinds = {{"says nothing", Once("")},
                 {"half a hello", Once(hello.substr(0, 100))},
                 {"hello byte by byte", Drip("", hello)},
                 {"stops after the hello", Once(hello)},
                 {"stops after the hello of TLS 1.2", Once(old_hello)},
                 {"second flight byte by byte", Drip(hello + RecordHeader(TlsKind::k13), "x")},
                 {"second flight of TLS 1.2 byte by byte",
                  Drip(old_hello + RecordHeader(TlsKind::k12), "x")},
                 {"says nothing in its session", sessions.Abusing(TlsKind::k13, [](TlsPeer&) {})}},
       .listener = sessions.Hearing()});
}

TEST_F(TlsFloodsStress, HandshakesThatNeverEnd) {
  const std::string hello = TlsPeer(TlsKind::k13).Say();
  const Report report = MakeArena(limit_).Run({.name = "TLS handshakes that never end",
                                               .script =
                                                   [hello](Attacker& attacker, std::string& out) {
                                                     if (attacker.step == 0) out = hello;
                                                   },
                                               .connections = 64,
                                               .duration = AttackTime(),
                                               .leaves_when_answered = true});
  EXPECT_GT(report.attack.received, 0u);
}

// Each is refused and cut off, and comes back for another session.
TEST_F(TlsFloodsStress, Renegotiation) {
  TlsAttackers sessions;
  const Report report = MakeArena(limit_).Run({.name = "TLS renegotiation",
                                               .script = sessions.Abusing(TlsKind::k12,
                                                                          [](TlsPeer& peer) {
                                                                            peer.Write(Hello());
                                                                            peer.Renegotiate();
                                                                          }),
                                               .listener = sessions.Hearing(),
                                               .duration = AttackTime(),
                                               .until_ended = kBurst});
  EXPECT_GE(report.attack.ended, kBurst);
}

TEST_F(TlsFloodsStress, KeyUpdates) {
  TlsAttackers sessions;
  const TlsAttackers::Abuse updates = [](TlsPeer& peer) {
    peer.Write(Hello());
    for (int i = 0; i < kBurst; ++i) peer.UpdateKey();
  };
  const Report report = MakeArena(limit_).Run({.name = "TLS key updates",
                                               .script = sessions.Abusing(TlsKind::k13, updates),
                                               .listener = sessions.Hearing(),
                                               .duration = AttackTime(),
                                               .until_ended = kBurst});
  EXPECT_GE(report.attack.ended, kBurst);
}

}  // namespace
}  // namespace prism::floods
