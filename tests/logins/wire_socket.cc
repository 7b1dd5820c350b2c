#include "tests/logins/wire_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace prism::testing {
namespace {

void Require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

}  // namespace

WireSocket::WireSocket(base::UniqueFd fd) : fd_(std::move(fd)) {}

void WireSocket::BeginTls(SSL_CTX* context) {
  ssl_.reset(SSL_new(context));
  Require(SSL_set_fd(ssl_.get(), fd_.get()) == 1, "no TLS on this socket");
}

void WireSocket::AcceptTls(SSL_CTX* context) {
  BeginTls(context);
  server_ = true;
  Require(SSL_accept(ssl_.get()) == 1, "the client does not want this TLS");
}

void WireSocket::ConnectTls(SSL_CTX* context) {
  BeginTls(context);
  Require(SSL_connect(ssl_.get()) == 1, "the server does not want this TLS");
}

void WireSocket::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                           : ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    Require(sent > 0, "the peer takes no more");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string WireSocket::Receive(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t at = 0; at < count;) {
    const auto came = ssl_ ? SSL_read(ssl_.get(), bytes.data() + at, static_cast<int>(count - at))
                           : ::recv(fd_.get(), bytes.data() + at, count - at, 0);
    Require(came > 0, "the peer says no more");
    at += static_cast<std::size_t>(came);
  }
  return bytes;
}

std::uint32_t WireSocket::ReceiveInt32() {
  std::uint32_t value = 0;
  for (const char c : Receive(4)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

WireSocket::Message WireSocket::ReceiveMessage() {
  const char type = Receive(1).front();
  const std::uint32_t length = ReceiveInt32();
  Require(length >= 4 && length < 100'000, "no message has this length");
  return {.type = type, .body = Receive(length - 4)};
}

X509* WireSocket::ServerCertificate() const {
  if (ssl_ == nullptr) return nullptr;
  return server_ ? SSL_get_certificate(ssl_.get()) : SSL_get0_peer_certificate(ssl_.get());
}

}  // namespace prism::testing
