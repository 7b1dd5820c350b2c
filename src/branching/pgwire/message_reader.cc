#include "branching/pgwire/message_reader.h"

#include <algorithm>

#include "branching/pgwire/refusal.h"
#include "branching/pgwire/wire_bytes.h"

namespace prism::branching {

namespace {

constexpr std::size_t kHeaderSize = 5;
constexpr std::size_t kLengthSize = 4;

std::unexpected<Error> Unreadable(std::string_view what) {
  return std::unexpected(Refuse(Refusal::kProtocolViolation, what));
}

// Takes a string and its zero byte off the front.
std::optional<std::string_view> TakeText(std::string_view& bytes) {
  const std::size_t end = bytes.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view text = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  return text;
}

std::optional<std::uint32_t> TakeInt32(std::string_view& bytes) {
  if (bytes.size() < 4) return std::nullopt;
  const std::uint32_t value = Int32At(bytes.data());
  bytes.remove_prefix(4);
  return value;
}

}  // namespace

Result<MessageReader::Progress> MessageReader::Read(std::string_view input) {
  if (delivered_) buffer_.clear();
  delivered_ = false;
  std::size_t consumed = 0;
  const auto take = [&](std::size_t wanted) {
    const std::size_t count = std::min(wanted - buffer_.size(), input.size() - consumed);
    buffer_.append(input.substr(consumed, count));
    consumed += count;
    return buffer_.size() == wanted;
  };
  if (buffer_.size() < kHeaderSize && !take(kHeaderSize)) {
    return Progress{.consumed = consumed, .message = std::nullopt};
  }
  const std::size_t length = Int32At(buffer_.data() + 1);
  if (length < kLengthSize || length - kLengthSize > max_body_) {
    buffer_.clear();
    return Unreadable("its length can't be");
  }
  if (!take(1 + length)) return Progress{.consumed = consumed, .message = std::nullopt};
  delivered_ = true;
  return Progress{.consumed = consumed,
                  .message = Message{.type = buffer_.front(),
                                     .body = std::string_view(buffer_).substr(kHeaderSize)}};
}

Result<AuthenticationBody> ParseAuthentication(std::string_view body) {
  const auto code = TakeInt32(body);
  if (!code) return Unreadable("authentication request");
  return AuthenticationBody{.code = *code, .data = body};
}

Result<std::vector<std::string_view>> ParseMechanisms(std::string_view data) {
  std::vector<std::string_view> mechanisms;
  while (true) {
    const auto mechanism = TakeText(data);
    if (!mechanism) return Unreadable("list of SASL mechanisms");
    if (mechanism->empty()) break;
    mechanisms.push_back(*mechanism);
  }
  if (!data.empty()) return Unreadable("list of SASL mechanisms");
  return mechanisms;
}

Result<std::string_view> ParsePassword(std::string_view body) {
  const auto password = TakeText(body);
  if (!password || !body.empty()) return Unreadable("password");
  return *password;
}

Result<SaslInitialBody> ParseSaslInitialResponse(std::string_view body) {
  const auto mechanism = TakeText(body);
  const auto size = TakeInt32(body);
  if (!mechanism || !size) return Unreadable("first SASL response");
  if (*size == 0xffffffff && body.empty()) {
    return SaslInitialBody{.mechanism = *mechanism, .data = std::nullopt};
  }
  if (*size != body.size()) return Unreadable("first SASL response");
  return SaslInitialBody{.mechanism = *mechanism, .data = body};
}

Result<KeyDataBody> ParseBackendKeyData(std::string_view body) {
  const auto process_id = TakeInt32(body);
  if (!process_id || body.size() < 4 || body.size() > 256) return Unreadable("cancel key");
  return KeyDataBody{.process_id = *process_id, .key = body};
}

Result<ReportBody> ParseReport(std::string_view body) {
  ReportBody report;
  while (!body.empty() && body.front() != '\0') {
    const char code = body.front();
    body.remove_prefix(1);
    const auto text = TakeText(body);
    if (!text) return Unreadable("error or notice");
    // The severity that is not translated is the later of the two.
    if (code == 'S' || code == 'V') report.severity = *text;
    if (code == 'C') report.sqlstate = *text;
    if (code == 'M') report.message = *text;
  }
  if (body.size() != 1) return Unreadable("error or notice");
  return report;
}

}  // namespace prism::branching
