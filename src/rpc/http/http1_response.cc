#include "rpc/http/http1_response.h"

#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace prism::rpc {
namespace {

namespace http = boost::beast::http;

// RFC 9110 section 7.6.1, and what else says how a message ends.
constexpr std::array<std::string_view, 8> kFramingFields = {
    "connection", "content-length", "keep-alive",        "proxy-connection",
    "te",         "trailer",        "transfer-encoding", "upgrade"};

bool IsFraming(std::string_view name) {
  return std::ranges::find(kFramingFields, name) != kFramingFields.end();
}

std::string_view Reason(int status) {
  const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  return {reason.data(), reason.size()};
}

void AppendField(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  const std::size_t start = out.size();
  out.append(value);
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(start), out.end(),
      [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }, ' ');
  out.append("\r\n");
}

void AppendNumber(std::string& out, std::size_t value, int base) {
  std::array<char, 20> digits;
  const auto [end, error] =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, base);
  out.append(digits.data(), end);
}

}  // namespace

std::string_view StatusOf(std::span<const HeaderField> headers) {
  const auto status = std::ranges::find(headers, ":status", &HeaderField::name);
  return status != headers.end() ? status->value : "500";
}

void AppendHttp1Head(std::string& out, const Http1Response& response) {
  const std::string_view status = StatusOf(response.headers);
  int number = 0;
  std::from_chars(status.data(), status.data() + status.size(), number);
  out.append("HTTP/1.1 ").append(status).append(" ").append(Reason(number)).append("\r\n");
  for (const HeaderField& field : response.headers) {
    if (field.name.starts_with(':')) continue;
    const bool framing = IsFraming(field.name);
    const bool stands = response.keeps_length && field.name == "content-length";
    if (!framing || stands) AppendField(out, field.name, field.value);
  }
  if (response.end == Http1BodyEnd::kLength) {
    out.append("content-length: ");
    AppendNumber(out, response.length, 10);
    out.append("\r\n");
  } else if (response.end == Http1BodyEnd::kChunked) {
    out.append("transfer-encoding: chunked\r\n");
  }
  if (!response.connection.empty()) AppendField(out, "connection", response.connection);
  out.append("\r\n");
}

void AppendHttp1Chunk(std::string& out, std::string_view bytes) {
  AppendNumber(out, bytes.size(), 16);
  out.append("\r\n").append(bytes).append("\r\n");
}

void AppendHttp1LastChunk(std::string& out, std::span<const HeaderField> trailers) {
  out.append("0\r\n");
  for (const HeaderField& field : trailers) {
    if (!IsFraming(field.name)) {
      AppendField(out, field.name, field.value);
    }
  }
  out.append("\r\n");
}

}  // namespace prism::rpc
