#include "rpc/tls/tls_context.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string_view>
#include <utility>

#include "rpc/tls/openssl_error.h"
#include "rpc/tls/server_tls.h"

namespace prism::rpc {
namespace {

// TLS 1.2: ephemeral keys and AEAD only, all that RFC 9113 appendix A leaves. AES-128 first: half
// the rounds of AES-256 save a fifth of the time. Clients without AES in hardware get ChaCha20
// (SSL_OP_PRIORITIZE_CHACHA).
constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr const char* kCiphers13 =
    "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
constexpr std::string_view kSessionContext = "prism";
// Of a client's certificates together. OpenSSL takes 100 KiB, which a flood of strangers would use.
constexpr long kMaxClientChainBytes = 16 * 1024;

Error BadFile(std::string_view reason, std::string_view what, const std::string& file,
              std::string_view problem) {
  return Error(Code::kFailedPrecondition, std::string(reason),
               fmt::format("the {} file \"{}\" {}", what, file, problem));
}

Status CheckReadable(std::string_view what, const std::string& file) {
  if (::access(file.c_str(), R_OK) == 0) return {};
  return std::unexpected(
      BadFile("TLS_FILE_UNREADABLE", what, file,
              fmt::format("can't be read ({}): name a file that the server's user may read",
                          std::strerror(errno))));
}

Error Invalid(std::string_view what, const std::string& file) {
  return BadFile("TLS_FILE_INVALID", what, file,
                 fmt::format("can't be used ({}): it must be PEM", OpenSslReason()));
}

std::int64_t UnixTime(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? std::int64_t{timegm(&parts)} : 0;
}

// OpenSSL would ask for a passphrase at the terminal and wait.
int RefusePassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

TlsContext::TlsContext(TlsOptions options)
    : options_(std::move(options)),
      context_(SSL_CTX_new(TLS_server_method())),
      bio_method_(TlsSession::MakeBioMethod()) {
  SSL_CTX_set_min_proto_version(
      context_, options_.min_version == TlsVersion::k13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(context_, kCiphers12);
  SSL_CTX_set_ciphersuites(context_, kCiphers13);
  // Sessions are resumed from tickets, which the client keeps; the server remembers none.
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context_, 1);
  SSL_CTX_set_session_id_context(context_,
                                 reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                 static_cast<unsigned>(kSessionContext.size()));
  SSL_CTX_set_max_cert_list(context_, kMaxClientChainBytes);
  SSL_CTX_set_alpn_select_cb(context_, &TlsSession::SelectProtocol, &options_.protocols);
  SSL_CTX_set_info_callback(context_, &TlsSession::OnInfo);
}

TlsContext::~TlsContext() {
  SSL_CTX_free(context_);
  BIO_meth_free(bio_method_);
}

Result<std::shared_ptr<const TlsContext>> TlsContext::Load(const TlsOptions& options) {
  if (options.certificate.empty() || options.key.empty()) {
    return std::unexpected(Error(Code::kInvalidArgument, "TLS_KEY_PAIR_INCOMPLETE",
                                 "TLS takes a certificate and its key: name both files or neither "
                                 "(server.tls.certificate, server.tls.key)"));
  }
  ERR_clear_error();
  auto context = std::shared_ptr<TlsContext>(new TlsContext(options));
  TRY(context->LoadCertificate());
  TRY(context->LoadKey());
  if (!options.client_ca.empty()) TRY(context->LoadClientCa());
  return context;
}

x509_st* TlsContext::certificate() const { return SSL_CTX_get0_certificate(context_); }

Status TlsContext::LoadCertificate() {
  const std::string& file = options_.certificate;
  TRY(CheckReadable("certificate", file));
  if (SSL_CTX_use_certificate_chain_file(context_, file.c_str()) != 1) {
    return std::unexpected(Invalid("certificate", file));
  }
  const X509* leaf = SSL_CTX_get0_certificate(context_);
  not_after_ = UnixTime(X509_get0_notAfter(leaf));
  if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0) {
    warnings_.push_back(
        fmt::format("the certificate in \"{}\" has expired: clients will refuse it", file));
  }
  if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0) {
    warnings_.push_back(
        fmt::format("the certificate in \"{}\" is not valid yet: clients will refuse it", file));
  }
  return {};
}

Status TlsContext::LoadKey() {
  const std::string& file = options_.key;
  TRY(CheckReadable("key", file));
  bool asked = false;
  BIO* bio = BIO_new_file(file.c_str(), "r");
  EVP_PKEY* key =
      bio != nullptr ? PEM_read_bio_PrivateKey(bio, nullptr, &RefusePassphrase, &asked) : nullptr;
  BIO_free(bio);
  if (key == nullptr) {
    Error error = Invalid("key", file);
    if (!asked) return std::unexpected(std::move(error));
    return std::unexpected(BadFile("TLS_KEY_ENCRYPTED", "key", file,
                                   "has a passphrase, and nobody is there to type it: store the "
                                   "key without one, readable by the server's user alone"));
  }
  const bool fits = X509_check_private_key(SSL_CTX_get0_certificate(context_), key) == 1;
  const bool used = fits && SSL_CTX_use_PrivateKey(context_, key) == 1;
  EVP_PKEY_free(key);
  if (!fits) {
    ERR_clear_error();
    return std::unexpected(
        BadFile("TLS_KEY_MISMATCH", "key", file,
                fmt::format("is not the key of the first certificate in \"{}\": name the two that "
                            "were made together",
                            options_.certificate)));
  }
  if (!used) return std::unexpected(Invalid("key", file));
  struct stat about{};
  if (::stat(file.c_str(), &about) == 0 && (about.st_mode & S_IRWXO) != 0) {
    warnings_.push_back(
        fmt::format("every user of this machine may open the key file \"{}\": chmod o= it", file));
  }
  return {};
}

Status TlsContext::LoadClientCa() {
  const std::string& file = options_.client_ca;
  TRY(CheckReadable("client CA", file));
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(file.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context_, file.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return std::unexpected(Invalid("client CA", file));
  }
  SSL_CTX_set_client_CA_list(context_, names);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

}  // namespace prism::rpc
