// What all TLS sessions of a server share: its certificate, its key, and whom it trusts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

struct ssl_ctx_st;
struct x509_st;
struct bio_method_st;

namespace prism::rpc {

enum class TlsVersion : std::uint8_t { k12, k13 };

struct TlsOptions {
  std::string
      certificate;        // PEM: the server's certificate, then those between it and the authority
  std::string key;        // PEM, without a passphrase
  std::string client_ca;  // PEM: who vouches for clients; empty: clients are not asked
  TlsVersion min_version = TlsVersion::k12;
  // What is spoken inside (RFC 7301), the preferred one first. A client that names others is
  // refused; one that names none is not.
  std::vector<std::string> protocols = {"h2", "http/1.1"};

  bool operator==(const TlsOptions&) const = default;
};

// Immutable. Life cycle: shared by the sessions that it began; a reload makes another one. Its
// ticket keys are its own: no session is resumed across a reload, so whom it trusts counts at once.
// Thread rule: any thread; Load reads files.
class TlsContext {
 public:
  // FAILED_PRECONDITION with the file's name: TLS_FILE_UNREADABLE, TLS_FILE_INVALID,
  // TLS_KEY_ENCRYPTED, TLS_KEY_MISMATCH. INVALID_ARGUMENT/TLS_KEY_PAIR_INCOMPLETE.
  static Result<std::shared_ptr<const TlsContext>> Load(const TlsOptions& options);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  const TlsOptions& options() const { return options_; }
  // What an operator should know although it works, a sentence each.
  const std::vector<std::string>& warnings() const { return warnings_; }
  // When the certificate ends, in seconds of Unix time.
  std::int64_t not_after() const { return not_after_; }
  // The server's own; lives as long as the context.
  x509_st* certificate() const;

 private:
  friend class TlsSession;

  explicit TlsContext(TlsOptions options);
  Status LoadCertificate();
  Status LoadKey();
  Status LoadClientCa();

  TlsOptions options_;
  ssl_ctx_st* context_;
  bio_method_st* bio_method_;  // of the sessions
  std::vector<std::string> warnings_;
  std::int64_t not_after_ = 0;
};

}  // namespace prism::rpc
