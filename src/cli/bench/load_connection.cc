#include "cli/bench/load_connection.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

namespace prism::cli {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";  // RFC 9113 section 3.4
constexpr std::uint32_t kHugeWindow = 0x7fffffff;
constexpr std::uint16_t kSettingsEnablePush = 2;
constexpr std::uint16_t kSettingsInitialWindow = 4;

Error ConnectionError(std::string_view what) {
  return {Code::kUnavailable, "BENCH_CONNECTION",
          fmt::format("{}; check that the server runs and that --server names it", what)};
}

void AppendSetting(std::string& out, std::uint16_t id, std::uint32_t value) {
  out.push_back(static_cast<char>(id >> 8));
  out.push_back(static_cast<char>(id));
  AppendUint32(out, value);
}

Result<int> ConnectTo(const std::string& authority) {
  const auto colon = authority.rfind(':');
  if (colon == std::string::npos)
    return std::unexpected(ConnectionError(fmt::format("{} is not HOST:PORT", authority)));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(authority.substr(0, colon).c_str(), authority.substr(colon + 1).c_str(), &hints,
                    &found) != 0) {
    return std::unexpected(ConnectionError(fmt::format("can't resolve {}", authority)));
  }
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int failed = ::connect(fd, found->ai_addr, found->ai_addrlen);
  const int error = errno;
  ::freeaddrinfo(found);
  if (failed != 0) {
    ::close(fd);
    return std::unexpected(
        ConnectionError(fmt::format("can't connect to {}: {}", authority, std::strerror(error))));
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

LoadConnection::LoadConnection(std::string authority, std::uint32_t max_in_flight,
                               const std::optional<rpc::ClientTlsOptions>& tls, bool follow)
    : authority_(std::move(authority)),
      max_in_flight_(max_in_flight),
      follow_(follow),
      tls_options_(tls),
      slots_(std::bit_ceil(max_in_flight * 8)) {}

LoadConnection::~LoadConnection() {
  if (fd_ >= 0) ::close(fd_);
}

Status LoadConnection::Connect() {
  TRY_ASSIGN(fd_, ConnectTo(authority_));
  // The handshake goes on beside the other connections: whoever drains waits for them.
  if (tls_options_) {
    TRY_ASSIGN(tls_, rpc::TlsClient::Make(*tls_options_,
                                          authority_.substr(0, authority_.rfind(':')), "h2"));
  }
  out_ = kPreface;
  AppendFrameHeader(out_, 12, kSettings, 0, 0);
  AppendSetting(out_, kSettingsEnablePush, 0);
  AppendSetting(out_, kSettingsInitialWindow, kHugeWindow);
  AppendFrameHeader(out_, 4, kWindowUpdate, 0, 0);
  AppendUint32(out_, kHugeWindow - 65'535);
  return Flush();
}

LoadConnection::Slot* LoadConnection::Find(std::uint32_t stream) {
  Slot& slot = slots_[(stream >> 1) & (slots_.size() - 1)];
  return slot.stream == stream ? &slot : nullptr;
}

// Grows when a slow stream still holds the place: streams may finish in any order.
LoadConnection::Slot& LoadConnection::Claim(std::uint32_t stream) {
  while (slots_[(stream >> 1) & (slots_.size() - 1)].stream != 0) {
    std::vector<Slot> larger(slots_.size() * 2);
    for (Slot& slot : slots_) {
      if (slot.stream != 0) larger[(slot.stream >> 1) & (larger.size() - 1)] = std::move(slot);
    }
    slots_ = std::move(larger);
  }
  return slots_[(stream >> 1) & (slots_.size() - 1)];
}

void LoadConnection::Send(const BenchRequest& request, MonoNanos start) {
  const std::uint32_t stream = next_stream_;
  next_stream_ += 2;
  Slot& slot = Claim(stream);
  slot.request = request;
  slot.start = start;
  slot.stream = stream;
  slot.body.clear();
  slot.status_seen = false;
  slot.grpc_status = -1;
  ++in_flight_;

  const std::size_t head = out_.size();
  AppendFrameHeader(out_, 0, kHeaders, kFlagEndHeaders, stream);
  // :method POST, :scheme http or https (RFC 7541 appendix A)
  out_.append(tls_ == nullptr ? "\x83\x86" : "\x83\x87", 2);
  encoder_.Append(out_, 4, ":path", PathOf(request.operation));
  encoder_.Append(out_, 1, ":authority", authority_);
  encoder_.Append(out_, 0, "te", "trailers");
  encoder_.Append(out_, 31, "content-type", "application/grpc");
  encoder_.Append(out_, 0, "grpc-timeout", "30S");
  const std::size_t block = out_.size() - head - kFrameHeaderSize;
  out_[head + 1] = static_cast<char>(block >> 8);
  out_[head + 2] = static_cast<char>(block);

  AppendFrameHeader(out_, request.message.size(), kData, kFlagEndStream, stream);
  out_.append(request.message);
  send_window_ -= static_cast<std::int64_t>(request.message.size());
}

Status LoadConnection::Flush() {
  if (tls_ == nullptr) return SendSome(out_);
  if (!out_.empty()) {
    TRY_ASSIGN(const std::size_t taken, tls_->Send(out_));
    out_.erase(0, taken);
  }
  tls_->Drain(cipher_out_);
  return SendSome(cipher_out_);
}

Status LoadConnection::SendSome(std::string& bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    if (sent < 0)
      return std::unexpected(
          ConnectionError(fmt::format("write failed: {}", std::strerror(errno))));
    bytes.erase(0, static_cast<std::size_t>(sent));
  }
  return {};
}

Status LoadConnection::Receive(std::span<char> buffer, OutcomeHandler& handler) {
  const std::size_t kept = tls_ == nullptr ? in_.size() : 0;
  in_.copy(buffer.data(), kept);
  const ssize_t got = ::recv(fd_, buffer.data() + kept, buffer.size() - kept, MSG_DONTWAIT);
  if (got == 0 && has_left()) return {};
  if (got == 0) {
    const bool secured = tls_ == nullptr || tls_->ready();
    return std::unexpected(
        ConnectionError(secured ? "the server closed the connection"
                                : "the server closed the connection at the handshake"));
  }
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return {};
    return std::unexpected(ConnectionError(fmt::format("read failed: {}", std::strerror(errno))));
  }
  std::string_view left(buffer.data(), kept + static_cast<std::size_t>(got));
  std::string plain;
  if (tls_ != nullptr) {
    plain.swap(in_);
    TRY(tls_->Receive(left, plain));
    left = plain;
  }
  while (left.size() >= kFrameHeaderSize) {
    const FrameHeader frame = ParseFrameHeader(reinterpret_cast<const std::uint8_t*>(left.data()));
    if (left.size() < kFrameHeaderSize + frame.length) break;
    TRY(OnFrame(frame, left.substr(kFrameHeaderSize, frame.length), handler));
    left.remove_prefix(kFrameHeaderSize + frame.length);
  }
  in_.assign(left);
  if (unacknowledged_ > (1 << 28)) {
    AppendFrameHeader(out_, 4, kWindowUpdate, 0, 0);
    AppendUint32(out_, static_cast<std::uint32_t>(unacknowledged_));
    unacknowledged_ = 0;
  }
  return {};
}

Status LoadConnection::OnFrame(const FrameHeader& frame, std::string_view payload,
                               OutcomeHandler& handler) {
  switch (frame.type) {
    case kHeaders:
      return OnHeaders(frame, payload, handler);
    case kData:
      OnData(frame, payload, handler);
      return {};
    case kSettings:
      return OnSettings(frame, payload);
    case kPing:
      if ((frame.flags & kFlagAck) == 0) {
        AppendFrameHeader(out_, payload.size(), kPing, kFlagAck, 0);
        out_.append(payload);
      }
      return {};
    case kWindowUpdate:
      if (frame.stream == 0 && payload.size() == 4) {
        std::uint32_t increment = 0;
        for (const char c : payload) increment = increment << 8 | static_cast<unsigned char>(c);
        send_window_ += increment;
      }
      return {};
    case kRstStream:
      if (Slot* slot = Find(frame.stream)) Finish(*slot, handler);
      return {};
    case kGoaway:
      return OnGoaway(payload, handler);
    case kContinuation:
      return std::unexpected(ConnectionError("the server sent a header block in several frames"));
    default:
      return {};
  }
}

Status LoadConnection::OnHeaders(const FrameHeader& frame, std::string_view payload,
                                 OutcomeHandler& handler) {
  if ((frame.flags & kFlagEndHeaders) == 0 || (frame.flags & kFlagPadded) != 0) {
    return std::unexpected(ConnectionError("the server sent a split or padded header block"));
  }
  // Decoded even when nobody waits for it: the HPACK state belongs to the connection.
  TRY_ASSIGN(const ResponseHeaders* headers, decoder_.Decode(payload));
  Slot* slot = Find(frame.stream);
  if (slot == nullptr) return {};
  if (headers->http_ok) slot->status_seen = true;
  if (headers->grpc_status >= 0) slot->grpc_status = headers->grpc_status;
  if ((frame.flags & kFlagEndStream) != 0) Finish(*slot, handler);
  return {};
}

Status LoadConnection::OnGoaway(std::string_view payload, OutcomeHandler& handler) {
  if (!follow_ || payload.size() < 8) {
    return std::unexpected(ConnectionError("the server sent GOAWAY"));
  }
  leaving_ = true;
  std::uint32_t last = 0;
  for (const char c : payload.substr(0, 4)) last = last << 8 | static_cast<unsigned char>(c);
  for (Slot& slot : slots_) {
    if (slot.stream <= (last & 0x7fffffff)) continue;
    slot.stream = 0;
    --in_flight_;
    handler.OnRefused(slot.request, slot.start);
  }
  return {};
}

Status LoadConnection::OnSettings(const FrameHeader& frame, std::string_view payload) {
  if ((frame.flags & kFlagAck) != 0) return {};
  if (payload.size() % 6 != 0)
    return std::unexpected(ConnectionError("the server sent a malformed SETTINGS frame"));
  AppendFrameHeader(out_, 0, kSettings, kFlagAck, 0);
  return {};
}

void LoadConnection::OnData(const FrameHeader& frame, std::string_view payload,
                            OutcomeHandler& handler) {
  unacknowledged_ += static_cast<std::int64_t>(payload.size());
  Slot* slot = Find(frame.stream);
  if (slot == nullptr) return;
  if (slot->request.checked) slot->body.append(payload);
  if ((frame.flags & kFlagEndStream) != 0) Finish(*slot, handler);
}

void LoadConnection::Finish(Slot& slot, OutcomeHandler& handler) {
  const std::string body = std::move(slot.body);
  BenchOutcome outcome{.request = slot.request,
                       .start = slot.start,
                       .grpc_status = slot.status_seen ? slot.grpc_status : -1,
                       .message = {}};
  if (body.size() >= 5) outcome.message = std::string_view(body).substr(5);
  slot.stream = 0;
  --in_flight_;
  handler.OnOutcome(outcome);
}

}  // namespace prism::cli
