#include "rpc/client/client_http.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/strings.h"

namespace prism::rpc {
namespace {

constexpr std::size_t kMaxHeadBytes = 64 * 1024;

Error NotHttp(std::string_view why) {
  return Error(
      Code::kUnavailable, "NOT_HTTP",
      fmt::format(
          "the server's answer is no HTTP/1.1 ({}): check that the address is the admin port of a "
          "Prism server, and whether it wants TLS",
          why));
}

std::optional<std::uint64_t> ParseNumber(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Cuts the first line off, without its CRLF.
std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = std::min(text.find("\r\n"), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 2, text.size()));
  return line;
}

}  // namespace

Status HttpResponseParser::CheckSize(std::uint64_t size) const {
  if (size <= max_body_) return {};
  return std::unexpected(Error(
      Code::kResourceExhausted, "MESSAGE_TOO_LARGE",
      fmt::format("the answer has more than the {} bytes that this client takes", max_body_)));
}

Status HttpResponseParser::ParseHead(std::string_view head) {
  const std::string_view status = TakeLine(head);
  const std::optional<std::uint64_t> code = status.starts_with("HTTP/1.") && status.size() >= 12
                                                ? ParseNumber(status.substr(9, 3), 10)
                                                : std::nullopt;
  if (!code) return std::unexpected(NotHttp("no status line"));
  reply_.status = static_cast<int>(*code);
  while (!head.empty()) {
    const std::string_view line = TakeLine(head);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos)
      return std::unexpected(NotHttp("a header without a colon"));
    reply_.headers.emplace_back(base::LowerCase(line.substr(0, colon)),
                                base::Trim(line.substr(colon + 1)));
  }
  return {};
}

Result<bool> HttpResponseParser::TakeSized(std::uint64_t length) {
  TRY(CheckSize(length));
  if (buffer_.size() < length) return false;
  reply_.body = buffer_.substr(0, length);
  return true;
}

Result<bool> HttpResponseParser::TakeChunks() {
  while (true) {
    const std::size_t line_end = buffer_.find("\r\n");
    if (line_end == std::string::npos) {
      if (buffer_.size() > kMaxHeadBytes)
        return std::unexpected(NotHttp("an endless chunk header"));
      return false;
    }
    const std::string_view line = std::string_view(buffer_).substr(0, line_end);
    const std::optional<std::uint64_t> length =
        ParseNumber(base::Trim(line.substr(0, line.find(';'))), 16);
    if (!length) return std::unexpected(NotHttp("a chunk without a length"));
    TRY(CheckSize(*length));
    TRY(CheckSize(reply_.body.size() + *length));
    // Trailers are not looked at: the connection is not used again.
    if (*length == 0) return true;
    if (buffer_.size() < line_end + 2 + *length + 2) return false;
    reply_.body.append(buffer_, line_end + 2, *length);
    buffer_.erase(0, line_end + 2 + *length + 2);
  }
}

Result<bool> HttpResponseParser::Feed(std::string_view bytes, bool closed) {
  buffer_ += bytes;
  while (!has_head_) {
    const std::size_t end = buffer_.find("\r\n\r\n");
    if (end == std::string::npos) {
      if (closed || buffer_.size() > kMaxHeadBytes)
        return std::unexpected(NotHttp("no end of the headers"));
      return false;
    }
    TRY(ParseHead(std::string_view(buffer_).substr(0, end)));
    buffer_.erase(0, end + 4);
    has_head_ =
        reply_.status >= 200;  // what comes before the answer (RFC 9110 section 15.2) is skipped
    if (!has_head_) reply_ = {};
  }

  Result<bool> done = false;
  const std::string_view length = FindHeader(reply_.headers, "content-length");
  if (base::LowerCase(FindHeader(reply_.headers, "transfer-encoding")) == "chunked") {
    done = TakeChunks();
  } else if (!length.empty()) {
    const std::optional<std::uint64_t> size = ParseNumber(length, 10);
    if (!size) return std::unexpected(NotHttp("a content-length that is no number"));
    done = TakeSized(*size);
  } else {
    TRY(CheckSize(buffer_.size()));
    if (closed) done = TakeSized(buffer_.size());
  }
  if (done && !*done && closed) return std::unexpected(NotHttp("it ends too early"));
  return done;
}

}  // namespace prism::rpc
