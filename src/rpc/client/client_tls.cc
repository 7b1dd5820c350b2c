#include "rpc/client/client_tls.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <utility>

#include "rpc/tls/openssl_error.h"

namespace prism::rpc {

struct TlsClient::Handles {
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  BIO* in = nullptr;   // owned by ssl
  BIO* out = nullptr;  // owned by ssl

  ~Handles() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
};

namespace {

Error BadFile(std::string_view what, const std::string& file) {
  return Error(Code::kFailedPrecondition, "TLS_FILE_INVALID",
               fmt::format("{} \"{}\" can't be used: {}; it must be a readable PEM file", what,
                           file, OpenSslReason()));
}

Status LoadFiles(SSL_CTX* context, const ClientTlsOptions& options) {
  ERR_clear_error();
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_file(context, options.ca_file.c_str()) != 1) {
    return std::unexpected(BadFile("the CA file", options.ca_file));
  }
  if (options.cert_file.empty() != options.key_file.empty()) {
    return std::unexpected(
        Error(Code::kInvalidArgument, "TLS_KEY_PAIR_INCOMPLETE",
              "a client certificate and its key go together: give both files or neither"));
  }
  if (options.cert_file.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(context, options.cert_file.c_str()) != 1) {
    return std::unexpected(BadFile("the certificate file", options.cert_file));
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return std::unexpected(BadFile("the key file", options.key_file));
  }
  return {};
}

// The name that the certificate must carry, and SNI when it is no literal address (RFC 6066 section
// 3).
bool ExpectName(SSL* ssl, const std::string& name) {
  std::array<unsigned char, 16> address{};
  const bool literal = inet_pton(AF_INET, name.c_str(), address.data()) == 1 ||
                       inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
  if (literal) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  return SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 && SSL_set1_host(ssl, name.c_str()) == 1;
}

}  // namespace

TlsClient::~TlsClient() = default;

Result<std::unique_ptr<TlsClient>> TlsClient::Make(const ClientTlsOptions& options,
                                                   std::string_view host, std::string_view alpn) {
  auto client = std::unique_ptr<TlsClient>(new TlsClient);
  client->handles_ = std::make_unique<Handles>();
  client->alpn_ = alpn;
  Handles& handles = *client->handles_;
  handles.context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(handles.context, TLS1_2_VERSION);
  TRY(LoadFiles(handles.context, options));

  handles.ssl = SSL_new(handles.context);
  handles.in = BIO_new(BIO_s_mem());
  handles.out = BIO_new(BIO_s_mem());
  SSL_set_bio(handles.ssl, handles.in, handles.out);
  SSL_set_connect_state(handles.ssl);
  SSL_set_verify(handles.ssl, SSL_VERIFY_PEER, nullptr);
  const std::string wire = static_cast<char>(alpn.size()) + std::string(alpn);
  const std::string name = options.server_name.empty() ? std::string(host) : options.server_name;
  const bool offered =
      alpn.empty() ||
      SSL_set_alpn_protos(handles.ssl, reinterpret_cast<const unsigned char*>(wire.data()),
                          static_cast<unsigned>(wire.size())) == 0;
  if (!offered || !ExpectName(handles.ssl, name)) {
    return std::unexpected(Error(Code::kInvalidArgument, "BAD_SERVER_NAME",
                                 fmt::format("\"{}\" can't be the name of a TLS server", name)));
  }
  TRY(client->Handshake());  // writes the ClientHello
  return client;
}

Status TlsClient::Handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(handles_->ssl);
  if (result == 1) {
    const unsigned char* chosen = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(handles_->ssl, &chosen, &length);
    // A server without ALPN can still speak HTTP/1.1; HTTP/2 needs it (RFC 9113 section 3.2).
    const std::string_view protocol(reinterpret_cast<const char*>(chosen), length);
    if (protocol != alpn_ && !(protocol.empty() && alpn_ == "http/1.1")) {
      return std::unexpected(
          Error(Code::kUnavailable, "TLS_HANDSHAKE_FAILED",
                fmt::format("the server does not offer {} over TLS: check the port", alpn_)));
    }
    ready_ = true;
    return {};
  }
  if (SSL_get_error(handles_->ssl, result) == SSL_ERROR_WANT_READ) return {};
  std::string reason = OpenSslReason();
  if (const long verdict = SSL_get_verify_result(handles_->ssl); verdict != X509_V_OK) {
    reason = fmt::format("its certificate is refused, {}", X509_verify_cert_error_string(verdict));
  }
  return std::unexpected(
      Error(Code::kUnavailable, "TLS_HANDSHAKE_FAILED",
            fmt::format("no TLS session with the server: {}; check that the port serves TLS, and "
                        "the files given for the authority, certificate and key",
                        reason)));
}

Status TlsClient::Receive(std::string_view cipher, std::string& plain) {
  BIO_write(handles_->in, cipher.data(), static_cast<int>(cipher.size()));
  if (!ready_) TRY(Handshake());
  if (!ready_) return {};
  std::array<char, 16 * 1024> record;  // the largest TLS record
  while (true) {
    ERR_clear_error();
    const int count = SSL_read(handles_->ssl, record.data(), static_cast<int>(record.size()));
    if (count > 0) {
      plain.append(record.data(), static_cast<std::size_t>(count));
      continue;
    }
    const int error = SSL_get_error(handles_->ssl, count);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN) return {};
    return std::unexpected(
        Error(Code::kUnavailable, "TLS_BROKEN",
              fmt::format("the server broke the TLS session: {}", OpenSslReason())));
  }
}

Result<std::size_t> TlsClient::Send(std::string_view plain) {
  if (!ready_ || plain.empty()) return 0;
  ERR_clear_error();
  std::size_t taken = 0;
  if (SSL_write_ex(handles_->ssl, plain.data(), plain.size(), &taken) != 1) {
    if (SSL_get_error(handles_->ssl, 0) == SSL_ERROR_WANT_READ) return 0;
    return std::unexpected(Error(Code::kUnavailable, "TLS_BROKEN",
                                 fmt::format("the TLS session failed: {}", OpenSslReason())));
  }
  return taken;
}

void TlsClient::Drain(std::string& out) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(handles_->out, &data);
  if (length <= 0) return;
  out.append(data, static_cast<std::size_t>(length));
  BIO_reset(handles_->out);
}

}  // namespace prism::rpc
