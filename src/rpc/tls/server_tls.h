// TLS as a server, without I/O: ciphertext and plaintext in, ciphertext and plaintext out
// (OpenSSL).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "rpc/tls/tls_context.h"

struct ssl_st;
struct bio_st;

namespace prism::rpc {

// Why there was no session, as people count it.
enum class TlsFailure : std::uint8_t {
  kPlaintext,          // the client does not speak TLS
  kVersion,            // no common version of TLS
  kProtocol,           // ALPN: it speaks nothing that we do
  kClientCertificate,  // it showed none, or one that nobody vouches for
  kRefused,            // it did not like what we showed
  kTimeout,            // it did not finish in time
  kGone,               // it closed before the end
  kCrowded,            // it made room for others
  kOther,
  kCount
};
std::string_view TlsFailureName(TlsFailure failure);

// One connection's TLS. Costs next to nothing until a client has said hello, and keeps no buffers
// while idle. Life cycle: construct, Feed and Read what comes, Write, Close. Thread rule: one
// thread at a time.
class TlsSession {
 public:
  enum class State : std::uint8_t {
    kHandshake,
    kOpen,
    kEnded,   // the client sends no more, in good order
    kFailed,  // nothing goes any more, but what was appended to `out` is to be sent
  };

  // The most that a record carries (RFC 8446 section 5.1).
  static constexpr std::size_t kMaxRecord = std::size_t{16} * 1024;

  // `max_record`: bytes of plaintext that a record sent carries, 512 to kMaxRecord; less for
  // clients that can't wait for the rest of a longer one.
  explicit TlsSession(std::shared_ptr<const TlsContext> context,
                      std::size_t max_record = kMaxRecord);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // What the socket gave; it must stay until Read has returned nothing.
  void Feed(std::string_view cipher) { input_ = cipher; }
  // Continues the handshake, then decrypts into `buffer`: as much as fits of what was fed. Empty:
  // everything fed has been used. What must be sent (handshake, alerts) is appended to `out`.
  std::string_view Read(std::span<char> buffer, std::string& out);
  // Appends `plain` encrypted to `out`. False: the session has failed, or is not open yet.
  bool Write(std::string_view plain, std::string& out);
  // Says that nothing more will be written (close_notify). Once; nothing when there is no session.
  void Close(std::string& out);

  State state() const { return state_; }
  // A client has said hello: from here on a handshake costs something.
  bool begun() const { return ssl_ != nullptr; }
  // Only in kFailed.
  TlsFailure failure() const { return failure_; }
  // One of TlsOptions::protocols, or empty when the client did not say (RFC 7301). Only once it is
  // open.
  std::string_view protocol() const;
  // The server that the client named (SNI, RFC 6066 section 3); empty when it named none. Only once
  // it is open.
  std::string_view server_name() const;
  // Who the client is, by the certificate that was verified: its first SPIFFE id, else its subject
  // (RFC 4514). Empty when clients are not asked.
  std::string PeerIdentity() const;

 private:
  friend class TlsContext;

  static bio_method_st* MakeBioMethod();
  static int SelectProtocol(ssl_st* ssl, const unsigned char** chosen, unsigned char* length,
                            const unsigned char* offered, unsigned offered_length, void* protocols);
  static int BioRead(bio_st* bio, char* into, int size);
  static int BioWrite(bio_st* bio, const char* from, int size);
  static void OnInfo(const ssl_st* ssl, int where, int what);

  bool TakeHello(std::string& out);
  bool Begin();
  void Handshake();
  std::string_view Decrypt(std::span<char> buffer);
  void Fail(TlsFailure failure);
  void RefusePlaintext(std::string_view seen, std::string& out);

  std::shared_ptr<const TlsContext> context_;
  const std::size_t max_record_;
  ssl_st* ssl_ = nullptr;   // from the first whole record on
  std::string_view input_;  // what OpenSSL has not taken yet
  std::string* output_ = nullptr;
  std::string hello_;  // the first record, as far as it is there
  State state_ = State::kHandshake;
  TlsFailure failure_ = TlsFailure::kOther;
  bool closed_ = false;
  bool hostile_ = false;           // asks for what no honest client asks for
  std::uint32_t key_updates_ = 0;  // of the client
  std::uint64_t plain_bytes_ = 0;  // that it sent
};

}  // namespace prism::rpc
