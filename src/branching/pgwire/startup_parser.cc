#include "branching/pgwire/startup_parser.h"

#include <algorithm>
#include <utility>

#include "branching/pgwire/refusal.h"
#include "branching/pgwire/wire_bytes.h"

namespace prism::branching {

namespace {

constexpr std::uint32_t kCancelCode = 80877102;
constexpr std::uint32_t kSslCode = 80877103;
constexpr std::uint32_t kGssEncCode = 80877104;
constexpr char kTlsHandshake = 0x16;  // ContentType of RFC 8446 section 5.1
constexpr std::size_t kLengthSize = 4;
constexpr std::size_t kMinCancelKey = 4;
constexpr std::size_t kMaxCancelKey = 256;

}  // namespace

StartupParser::Progress StartupParser::Feed(std::string_view input) {
  if (input.empty()) return {.consumed = 0, .step = NeedMore{}};
  begun_ = true;
  if (std::exchange(direct_tls_, false) && input.front() == kTlsHandshake) {
    ssl_done_ = gss_done_ = true;
    return {.consumed = 0, .step = DirectTls{}};
  }
  std::size_t consumed = 0;
  const auto take = [&](std::size_t wanted) {
    const std::size_t count = std::min(wanted - packet_.size(), input.size() - consumed);
    packet_.append(input.substr(consumed, count));
    consumed += count;
    return packet_.size() == wanted;
  };
  if (packet_.size() < kLengthSize) {
    const bool whole = take(kLengthSize);
    // 16 MiB and more: "GET " of HTTP, "SSH-", an alert of TLS.
    if (packet_.front() != '\0') return {.consumed = consumed, .step = Close{}};
    if (!whole) return {.consumed = consumed, .step = NeedMore{}};
  }
  const std::size_t length = Int32At(packet_.data());
  if (length < kMinStartupPacket || length > kMaxStartupPacket) {
    return {.consumed = consumed, .step = Refuse(Refusal::kBadStartupLength)};
  }
  if (!take(length)) return {.consumed = consumed, .step = NeedMore{}};
  Step step = Packet();
  packet_.clear();
  return {.consumed = consumed, .step = std::move(step)};
}

StartupParser::Step StartupParser::Packet() {
  const std::uint32_t code = Int32At(packet_.data() + kLengthSize);
  const std::string_view rest = std::string_view(packet_).substr(kMinStartupPacket);
  if (code == kCancelCode) return CancelRequest(rest);
  if (rest.empty() && code == kSslCode && !std::exchange(ssl_done_, true)) return SslRequest{};
  if (rest.empty() && code == kGssEncCode && !std::exchange(gss_done_, true))
    return GssEncRequest{};
  auto message = StartupMessage::Parse(code, rest);
  if (!message) return std::move(message).error();
  return *std::move(message);
}

StartupParser::Step StartupParser::CancelRequest(std::string_view rest) {
  const std::size_t key = rest.size() < 4 ? 0 : rest.size() - 4;
  if (key < kMinCancelKey || key > kMaxCancelKey) return Close{};
  return Cancel{.process_id = Int32At(rest.data()), .key = std::string(rest.substr(4))};
}

}  // namespace prism::branching
