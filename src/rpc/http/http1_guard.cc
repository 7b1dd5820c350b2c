#include "rpc/http/http1_guard.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace prism::rpc {
namespace {

// Lengths up to 10^18 and chunks up to 2^60: no sum of them overflows.
constexpr std::size_t kMaxLengthDigits = 18;
constexpr std::size_t kMaxChunkDigits = 15;

constexpr HttpRefusal Malformed(std::string_view reason, std::string_view advice) {
  return {.status = "400", .reason = reason, .advice = advice};
}

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsAlnum(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool IsHex(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Every character of every request is looked up, so the rules become tables.
class CharClass {
 public:
  explicit constexpr CharClass(bool (*has)(char)) {
    for (int c = 0; c < 256; ++c) table_[static_cast<std::size_t>(c)] = has(static_cast<char>(c));
  }
  bool HasAll(std::string_view text) const {
    return std::ranges::all_of(text,
                               [this](char c) { return table_[static_cast<unsigned char>(c)]; });
  }

 private:
  std::array<bool, 256> table_{};
};

// RFC 9110 section 5.6.2.
constexpr CharClass kTokenChars([](char c) {
  return IsAlnum(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
});
// RFC 9110 section 5.5, with obs-text: control characters but HTAB are refused.
constexpr CharClass kValueChars([](char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
});
// What RFC 3986 allows, and what browsers send as it is. A fragment never belongs here.
constexpr CharClass kTargetChars([](char c) {
  return c > 0x20 && c < 0x7f && !std::string_view("\"#<>\\").contains(c);
});
// A host and a port; ',' would be a list and '@' a user.
constexpr CharClass kAuthorityChars([](char c) {
  return IsAlnum(c) || std::string_view("-._~%!$&'()*+;=:[]").contains(c);
});

bool IsToken(std::string_view text) { return !text.empty() && kTokenChars.HasAll(text); }
bool IsAuthority(std::string_view text) { return !text.empty() && kAuthorityChars.HasAll(text); }

}  // namespace

std::optional<Http1Target> ParseHttp1Target(std::string_view method, std::string_view target) {
  if (!kTargetChars.HasAll(target)) return std::nullopt;
  if (target.starts_with('/')) return Http1Target{.scheme = {}, .authority = {}, .path = target};
  if (target == "*" && method == "OPTIONS") return Http1Target{{}, {}, target};
  const std::size_t scheme_size = target.find("://");
  if (scheme_size == std::string_view::npos) return std::nullopt;
  std::string_view scheme = target.substr(0, scheme_size);
  if (base::EqualsNoCase(scheme, "http")) {
    scheme = "http";
  } else if (base::EqualsNoCase(scheme, "https")) {
    scheme = "https";
  } else {
    return std::nullopt;
  }
  target.remove_prefix(scheme_size + 3);
  const std::size_t authority_size = std::min(target.find_first_of("/?"), target.size());
  const std::string_view authority = target.substr(0, authority_size);
  if (!IsAuthority(authority)) return std::nullopt;
  return Http1Target{scheme, authority, target.substr(authority_size)};
}

void Http1LineGuard::BeginHead() {
  stage_ = Stage::kRequestLine;
  at_ = skip_ = fields_ = 0;
  version_11_ = head_request_ = has_host_ = has_length_ = has_transfer_encoding_ = false;
}

void Http1LineGuard::BeginChunk(bool after_data) {
  stage_ = after_data ? Stage::kDataEnd : Stage::kChunkSize;
  at_ = skip_ = fields_ = 0;
}

// The verdict depends on the bytes alone, not on how many of them are here: each check looks at
// what stands in front of the first byte that breaks a rule.
Http1LineGuard::Section Http1LineGuard::Check(std::string_view input) {
  while (stage_ != Stage::kDone) {
    const std::string_view rest = input.substr(at_);
    const std::size_t cr = std::min(rest.find('\r'), rest.size());
    const std::size_t size = std::min(rest.substr(0, cr).find('\n'), cr);
    if (const HttpRefusal refusal = CheckSize(size)) return {.refusal = refusal};
    if (size < cr)
      return {.refusal = Malformed("HTTP_LINE_END_INVALID",
                                   "a line ends without CR: end lines with CRLF")};
    if (cr + 1 >= rest.size()) return {};
    if (rest[cr + 1] != '\n')
      return {.refusal = Malformed("HTTP_LINE_END_INVALID", "a CR is not followed by LF")};
    if (const HttpRefusal refusal = OnLine(rest.substr(0, cr))) return {.refusal = refusal};
    at_ += cr + 2;
    if (stage_ == Stage::kRequestLine) skip_ = at_;
  }
  return {.refusal = {}, .skip = skip_, .size = at_ - skip_};
}

HttpRefusal Http1LineGuard::CheckSize(std::size_t line_bytes) const {
  switch (stage_) {
    case Stage::kDataEnd:
      if (line_bytes > 0)
        return Malformed("HTTP_CHUNK_MALFORMED", "a chunk is longer than its size says");
      return {};
    case Stage::kChunkSize:
      if (line_bytes > limits_.max_chunk_line_bytes) {
        return Malformed("HTTP_CHUNK_MALFORMED",
                         "a chunk's size line is too long: leave out chunk extensions");
      }
      return {};
    case Stage::kRequestLine:
      if (line_bytes > limits_.max_request_line_bytes) {
        return {.code = Code::kResourceExhausted,
                .status = "414",
                .reason = "HTTP_TARGET_TOO_LONG",
                .advice = "the request line is too long: use a shorter URL"};
      }
      return {};
    default:
      if (at_ + line_bytes > limits_.max_head_bytes) {
        return {.code = Code::kResourceExhausted,
                .status = "431",
                .reason = "HEADERS_TOO_LARGE",
                .advice = "the headers are too large: send fewer or shorter ones"};
      }
      return {};
  }
}

HttpRefusal Http1LineGuard::OnLine(std::string_view line) {
  switch (stage_) {
    case Stage::kRequestLine:
      return OnRequestLine(line);
    case Stage::kFields:
      return line.empty() ? OnHeadEnd() : OnField(line);
    case Stage::kDataEnd:
      stage_ = Stage::kChunkSize;
      return {};
    case Stage::kChunkSize:
      return OnChunkSize(line);
    case Stage::kTrailers:
      if (!line.empty()) return OnField(line);
      stage_ = Stage::kDone;
      return {};
    case Stage::kDone:
      break;
  }
  return {};
}

// One space between the parts, a version that we speak, a target in a form that we serve.
HttpRefusal Http1LineGuard::OnRequestLine(std::string_view line) {
  if (line.empty() && at_ == 0) return {};
  // Every request line has a slash, in its version at the latest: this is another protocol, whose
  // peer would not understand an answer in HTTP/1.1.
  if (!line.empty() && line.find('/') == std::string_view::npos) {
    return {.status = "400", .answered = false};
  }
  const std::size_t method_end = line.find(' ');
  const std::size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == target_end) {
    return Malformed("HTTP_REQUEST_LINE_MALFORMED",
                     "the request line is not 'METHOD TARGET HTTP/1.1'");
  }
  const std::string_view method = line.substr(0, method_end);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  const std::string_view version = line.substr(target_end + 1);
  if (!IsToken(method))
    return Malformed("HTTP_REQUEST_LINE_MALFORMED", "the method has characters that no method has");
  head_request_ = method == "HEAD";
  version_11_ = version == "HTTP/1.1";
  if (!version_11_ && version != "HTTP/1.0") {
    const bool other = version.size() == 8 && version.starts_with("HTTP/") && IsDigit(version[5]) &&
                       version[6] == '.' && IsDigit(version[7]);
    if (other)
      return {.code = Code::kUnimplemented,
              .status = "505",
              .reason = "HTTP_VERSION_UNSUPPORTED",
              .advice = "this version of HTTP is not spoken: use HTTP/1.1"};
    return Malformed("HTTP_REQUEST_LINE_MALFORMED",
                     "the request line does not end with the version HTTP/1.1");
  }
  if (!ParseHttp1Target(method, target)) {
    return Malformed("HTTP_TARGET_MALFORMED",
                     "the target is no path and no http or https URL, or has characters that must "
                     "be percent-encoded");
  }
  stage_ = Stage::kFields;
  return {};
}

HttpRefusal Http1LineGuard::OnField(std::string_view line) {
  if (++fields_ > limits_.max_fields) {
    return {.code = Code::kResourceExhausted,
            .status = "431",
            .reason = "HEADERS_TOO_LARGE",
            .advice = "there are too many headers: send fewer"};
  }
  if (line[0] == ' ' || line[0] == '\t') {
    return Malformed("HTTP_HEADER_FOLDED", "a header is folded over lines: send it on one line");
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos)
    return Malformed("HTTP_HEADER_MALFORMED", "a header has no colon");
  const std::string_view name = line.substr(0, colon);
  if (!IsToken(name)) {
    return Malformed(
        "HTTP_HEADER_MALFORMED",
        "a header's name has characters that no name has, or a space before its colon");
  }
  const std::string_view value = line.substr(colon + 1);
  if (!kValueChars.HasAll(value)) {
    return Malformed("HTTP_HEADER_MALFORMED", "a header's value has control characters");
  }
  // In trailers the parser refuses what belongs in the head.
  return stage_ == Stage::kFields ? OnKnownField(name, base::Trim(value)) : HttpRefusal{};
}

// The fields on which the end of the request, and whose it is, depends.
HttpRefusal Http1LineGuard::OnKnownField(std::string_view name, std::string_view value) {
  if (base::EqualsNoCase(name, "host")) {
    if (has_host_) return Malformed("HTTP_HOST_INVALID", "there is more than one Host");
    has_host_ = true;
    if (!IsAuthority(value))
      return Malformed("HTTP_HOST_INVALID", "Host is no host name with an optional port");
  } else if (base::EqualsNoCase(name, "content-length")) {
    if (has_length_)
      return Malformed("HTTP_LENGTH_INVALID", "there is more than one Content-Length");
    has_length_ = true;
    if (value.empty() || value.size() > kMaxLengthDigits || !std::ranges::all_of(value, IsDigit)) {
      return Malformed("HTTP_LENGTH_INVALID", "Content-Length is no decimal number");
    }
  } else if (base::EqualsNoCase(name, "transfer-encoding")) {
    if (has_transfer_encoding_)
      return Malformed("HTTP_TRANSFER_ENCODING_INVALID",
                       "there is more than one Transfer-Encoding");
    has_transfer_encoding_ = true;
    if (!base::EqualsNoCase(value, "chunked")) {
      return Malformed("HTTP_TRANSFER_ENCODING_INVALID",
                       "Transfer-Encoding is not 'chunked', the only one understood");
    }
  } else if (base::EqualsNoCase(name, "expect") && version_11_ &&
             !base::EqualsNoCase(value, "100-continue")) {
    return {.status = "417",
            .reason = "HTTP_EXPECTATION_UNSUPPORTED",
            .advice = "Expect is not '100-continue', the only one understood"};
  }
  return {};
}

HttpRefusal Http1LineGuard::OnHeadEnd() {
  if (has_length_ && has_transfer_encoding_) {
    return Malformed("HTTP_LENGTH_INVALID",
                     "Content-Length and Transfer-Encoding exclude each other");
  }
  if (has_transfer_encoding_ && !version_11_) {
    return Malformed("HTTP_TRANSFER_ENCODING_INVALID",
                     "HTTP/1.0 has no Transfer-Encoding: use Content-Length");
  }
  if (!has_host_ && version_11_) return Malformed("HTTP_HOST_INVALID", "Host is missing");
  stage_ = Stage::kDone;
  return {};
}

HttpRefusal Http1LineGuard::OnChunkSize(std::string_view line) {
  const auto end = std::ranges::find_if_not(line, IsHex);
  const auto digits = static_cast<std::size_t>(end - line.begin());
  if (digits == 0 || digits > kMaxChunkDigits) {
    return Malformed("HTTP_CHUNK_MALFORMED",
                     "a chunk's size is no hexadecimal number, or too large");
  }
  if (end != line.end() && *end != ';') {
    return Malformed("HTTP_CHUNK_MALFORMED",
                     "a chunk's size is followed by something that is no extension");
  }
  if (!kValueChars.HasAll(line)) {
    return Malformed("HTTP_CHUNK_MALFORMED", "a chunk extension has control characters");
  }
  const bool last = std::ranges::all_of(line.substr(0, digits), [](char c) { return c == '0'; });
  stage_ = last ? Stage::kTrailers : Stage::kDone;
  return {};
}

}  // namespace prism::rpc
