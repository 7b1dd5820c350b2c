// A client's end of TLS for attackers: bytes in, bytes out, verifying nothing (OpenSSL).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/floods/attack.h"

struct ssl_st;
struct ssl_ctx_st;

namespace prism::floods {

enum class TlsKind { k12, k13 };

// Life cycle: construct, then Say and Hear by turns. Thread rule: one.
class TlsPeer {
 public:
  // `protocol`: what it offers by ALPN; empty: nothing.
  explicit TlsPeer(TlsKind kind, std::string_view protocol = {});
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;
  ~TlsPeer();

  // What came from the server.
  void Hear(std::string_view bytes);
  // Continues the handshake; what is to be sent.
  std::string Say();
  bool open() const;

  // Only when it is open.
  void Write(std::string_view plain);
  void Renegotiate();  // TLS 1.2
  void UpdateKey();    // TLS 1.3; the server is asked to do the same

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
    void operator()(ssl_st* ssl) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::unique_ptr<ssl_st, Free> ssl_;
};

// The sessions of an attack's connections. Life cycle: outlives its scripts. Thread rule: one.
class TlsAttackers {
 public:
  using Abuse = std::function<void(TlsPeer&)>;

  // Makes the handshake, does this once, and goes on without a session: the connection stays.
  Script Abusing(TlsKind kind, Abuse abuse);
  // For Attack::listener.
  Listener Hearing();

 private:
  std::unique_ptr<TlsPeer>& Of(const Attacker& attacker);

  std::vector<std::unique_ptr<TlsPeer>> peers_;
};

}  // namespace prism::floods
