#include "rpc/tls/server_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

namespace prism::rpc {
namespace {

// RFC 8446 section 5.1: type, version and length of a record; then those of a handshake message.
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMessageHeader = 4;
constexpr unsigned char kHandshakeRecord = 22;
// A ClientHello with keys against quantum computers has 2 KiB. OpenSSL would make room for 128 KiB
// when a client says so.
constexpr std::size_t kMaxHello = 16 * 1024;
// Each makes the server derive keys and answer (RFC 8446 section 4.6.3). Honest clients update
// after gigabytes, or by the hour.
constexpr std::uint32_t kKeyUpdates = 32;
constexpr std::uint64_t kBytesPerKeyUpdate = 1 << 20;

// What clients without TLS are told, in their own protocol.
constexpr std::string_view kHttp1Refusal =
    "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n"
    "content-length: 41\r\n\r\nthis port speaks TLS: write https://...\r\n";
// SETTINGS without settings; GOAWAY, INADEQUATE_SECURITY, with a text (RFC 9113 sections 6.5, 6.8).
constexpr std::string_view kHttp2Refusal(
    "\0\0\0\x04\0\0\0\0\0"
    "\0\0\x24\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0c"
    "this port speaks TLS: use it",
    9 + 17 + 28);

std::size_t BigEndian(std::string_view bytes) {
  std::size_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

TlsFailure FailureOf(unsigned long code) {
  switch (const int reason = ERR_GET_REASON(code); reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_WRONG_SSL_VERSION:
      return TlsFailure::kVersion;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return TlsFailure::kProtocol;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return TlsFailure::kClientCertificate;
    default:
      return reason > SSL_AD_REASON_OFFSET ? TlsFailure::kRefused : TlsFailure::kOther;
  }
}

bool Offers(std::string_view list, std::string_view protocol) {
  while (!list.empty()) {
    const std::size_t size = static_cast<unsigned char>(list.front());
    if (list.substr(1, size) == protocol) return true;
    list.remove_prefix(std::min(size + 1, list.size()));
  }
  return false;
}

// The first name of the form spiffe://...; empty when there is none.
std::string SpiffeId(const X509* certificate) {
  std::string id;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; id.empty() && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                                static_cast<std::size_t>(ASN1_STRING_length(uri)));
    if (text.starts_with("spiffe://")) id = text;
  }
  GENERAL_NAMES_free(names);
  return id;
}

std::string Subject(const X509* certificate) {
  BIO* text = BIO_new(BIO_s_mem());
  X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text, &data);
  std::string subject(data, static_cast<std::size_t>(size));
  BIO_free(text);
  return subject;
}

long BioControl(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

}  // namespace

std::string_view TlsFailureName(TlsFailure failure) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(TlsFailure::kCount)>
      kNames = {"plaintext", "version", "protocol", "client_certificate", "refused", "timeout",
                "gone",      "crowded", "other"};
  return kNames[static_cast<std::size_t>(failure)];
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, std::size_t max_record)
    : context_(std::move(context)), max_record_(max_record) {}

TlsSession::~TlsSession() { SSL_free(ssl_); }

// OpenSSL reads what was fed where it lies, and writes to the end of `out`: no buffer in between.
bio_method_st* TlsSession::MakeBioMethod() {
  BIO_METHOD* method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "prism session");
  BIO_meth_set_read(method, &BioRead);
  BIO_meth_set_write(method, &BioWrite);
  BIO_meth_set_ctrl(method, &BioControl);
  return method;
}

int TlsSession::BioRead(bio_st* bio, char* into, int size) {
  std::string_view& input = static_cast<TlsSession*>(BIO_get_data(bio))->input_;
  BIO_clear_retry_flags(bio);
  if (input.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t count = std::min(input.size(), static_cast<std::size_t>(size));
  std::memcpy(into, input.data(), count);
  input.remove_prefix(count);
  return static_cast<int>(count);
}

int TlsSession::BioWrite(bio_st* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  static_cast<TlsSession*>(BIO_get_data(bio))
      ->output_->append(from, static_cast<std::size_t>(size));
  return size;
}

// OpenSSL refuses a second handshake (TLS 1.2) with a warning, and goes on; it takes any number of
// key updates (TLS 1.3). Who asks for these can't be served (RFC 9113 section 9.2.1) or means harm:
// nothing more is read.
void TlsSession::OnInfo(const ssl_st* ssl, int where, int what) {
  auto& session = *static_cast<TlsSession*>(BIO_get_data(SSL_get_rbio(ssl)));
  constexpr int kRefused = SSL3_AL_WARNING << 8 | SSL_AD_NO_RENEGOTIATION;
  if (where == SSL_CB_WRITE_ALERT && what == kRefused) session.hostile_ = true;
  if (where == SSL_CB_ACCEPT_LOOP && SSL_get_state(ssl) == TLS_ST_SR_KEY_UPDATE) {
    const std::uint64_t earned = session.plain_bytes_ / kBytesPerKeyUpdate;
    if (++session.key_updates_ > kKeyUpdates + earned) session.hostile_ = true;
  }
  if (session.hostile_) session.input_ = {};
}

int TlsSession::SelectProtocol(ssl_st* /*ssl*/, const unsigned char** chosen, unsigned char* length,
                               const unsigned char* offered, unsigned offered_length,
                               void* protocols) {
  const std::string_view list(reinterpret_cast<const char*>(offered), offered_length);
  for (const std::string& protocol : *static_cast<const std::vector<std::string>*>(protocols)) {
    if (!Offers(list, protocol)) continue;
    *chosen = reinterpret_cast<const unsigned char*>(protocol.data());
    *length = static_cast<unsigned char>(protocol.size());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;  // no_application_protocol (RFC 7301 section 3.2)
}

std::string_view TlsSession::Read(std::span<char> buffer, std::string& out) {
  if (state_ == State::kFailed || state_ == State::kEnded) return {};
  if (input_.empty() && (ssl_ == nullptr || SSL_pending(ssl_) == 0)) return {};
  if (ssl_ == nullptr && !TakeHello(out)) return {};
  ERR_clear_error();
  output_ = &out;
  if (state_ == State::kHandshake) Handshake();
  std::string_view plain;
  if (state_ == State::kOpen) plain = Decrypt(buffer);
  if (hostile_) Fail(TlsFailure::kOther);
  if (!hello_.empty() && input_.empty()) hello_ = std::string();
  return plain;
}

// Collects the first record, so that a client that never finishes it costs no more than what it
// sent. True: it is there, and is the input.
bool TlsSession::TakeHello(std::string& out) {
  hello_.append(std::exchange(input_, {}));
  const std::string_view seen = hello_;
  if (static_cast<unsigned char>(seen.front()) != kHandshakeRecord) {
    RefusePlaintext(seen, out);
    return false;
  }
  if (seen.size() < kRecordHeader + kMessageHeader) return false;
  const std::size_t record = BigEndian(seen.substr(3, 2));
  const std::size_t message = BigEndian(seen.substr(kRecordHeader + 1, 3));
  if (record < kMessageHeader || message > kMaxHello) {
    Fail(TlsFailure::kOther);
    return false;
  }
  if (seen.size() < kRecordHeader + std::min(record, kMaxHello)) return false;
  input_ = hello_;
  return Begin();
}

bool TlsSession::Begin() {
  ssl_ = SSL_new(context_->context_);
  BIO* bio = BIO_new(context_->bio_method_);
  if (ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    Fail(TlsFailure::kOther);
    return false;
  }
  SSL_set_max_send_fragment(ssl_, max_record_);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);  // takes it over
  SSL_set_accept_state(ssl_);
  return true;
}

void TlsSession::Handshake() {
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    state_ = State::kOpen;
  } else if (SSL_get_error(ssl_, result) != SSL_ERROR_WANT_READ) {
    Fail(FailureOf(ERR_peek_last_error()));
  }
}

std::string_view TlsSession::Decrypt(std::span<char> buffer) {
  std::size_t size = 0;
  while (size < buffer.size()) {
    std::size_t count = 0;
    if (SSL_read_ex(ssl_, buffer.data() + size, buffer.size() - size, &count) != 1) {
      const int error = SSL_get_error(ssl_, 0);
      if (error == SSL_ERROR_ZERO_RETURN) {
        state_ = State::kEnded;
      } else if (error != SSL_ERROR_WANT_READ) {
        Fail(FailureOf(ERR_peek_last_error()));
      }
      break;
    }
    size += count;
    if (input_.empty() && SSL_pending(ssl_) == 0) break;  // saves asking once more in vain
  }
  plain_bytes_ += size;
  return {buffer.data(), size};
}

bool TlsSession::Write(std::string_view plain, std::string& out) {
  if (state_ != State::kOpen && state_ != State::kEnded) return false;
  ERR_clear_error();
  output_ = &out;
  std::size_t taken = 0;
  if (SSL_write_ex(ssl_, plain.data(), plain.size(), &taken) == 1) return true;
  Fail(TlsFailure::kOther);
  return false;
}

void TlsSession::Close(std::string& out) {
  if ((state_ != State::kOpen && state_ != State::kEnded) || std::exchange(closed_, true)) return;
  output_ = &out;
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

void TlsSession::Fail(TlsFailure failure) {
  state_ = State::kFailed;
  failure_ = failure;
  input_ = {};
  ERR_clear_error();
}

void TlsSession::RefusePlaintext(std::string_view seen, std::string& out) {
  const char first = seen.front();
  if (seen.starts_with("PRI")) {
    out += kHttp2Refusal;
  } else if (first >= 'A' && first <= 'Z') {
    out += kHttp1Refusal;
  }
  Fail(TlsFailure::kPlaintext);
}

std::string_view TlsSession::protocol() const {
  const unsigned char* chosen = nullptr;
  unsigned length = 0;
  if (ssl_ != nullptr) SSL_get0_alpn_selected(ssl_, &chosen, &length);
  return {reinterpret_cast<const char*>(chosen), length};
}

std::string_view TlsSession::server_name() const {
  const char* name =
      ssl_ != nullptr ? SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name) : nullptr;
  return name != nullptr ? name : std::string_view();
}

std::string TlsSession::PeerIdentity() const {
  if (ssl_ == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK) return {};
  const X509* certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return {};
  std::string id = SpiffeId(certificate);
  return id.empty() ? Subject(certificate) : id;
}

}  // namespace prism::rpc
