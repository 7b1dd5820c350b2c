#include "base/web_origin.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

namespace prism::base {
namespace {

constexpr std::size_t kMaxOriginBytes = 300;  // a scheme, a DNS name of 253 bytes, a port
constexpr std::string_view kSeparator = "://";
constexpr std::string_view kStar = "*.";

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool IsAlpha(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsScheme(std::string_view text) {
  return !text.empty() && IsAlpha(text.front()) && std::ranges::all_of(text, [](char c) {
    return IsAlpha(c) || IsDigit(c) || c == '+' || c == '-' || c == '.';
  });
}

bool IsHostChar(char c) { return IsAlpha(c) || IsDigit(c) || c == '-' || c == '.' || c == '_'; }

bool IsHost(std::string_view text) {
  if (text.starts_with('[')) {
    return text.size() > 2 && text.ends_with(']') &&
           std::ranges::all_of(text.substr(1, text.size() - 2), [](char c) {
             return IsDigit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
           });
  }
  return !text.empty() && text.front() != '.' && text.find("..") == text.npos &&
         std::ranges::all_of(text, IsHostChar);
}

bool IsPort(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  return parsed.ec == std::errc() && parsed.ptr == end && port != 0 && text.front() != '0';
}

bool IsDefaultPort(std::string_view scheme, std::string_view port) {
  return (scheme == "https" && port == "443") || (scheme == "http" && port == "80");
}

std::unexpected<Error> BadOrigin(std::string_view text, std::string_view why) {
  return std::unexpected(
      Error(Code::kInvalidArgument, "BAD_ORIGIN",
            fmt::format("\"{}\" is no origin: {}; write it like https://app.example.com, "
                        "https://app.example.com:8443, https://*.example.com, or * for all",
                        text.substr(0, kMaxOriginBytes), why)));
}

}  // namespace

WebOriginPattern::WebOriginPattern(std::string text)
    : text_(std::move(text)), star_(text_.find('*')) {}

Result<WebOriginPattern> WebOriginPattern::Parse(std::string_view text) {
  if (text == "*") return WebOriginPattern("*");
  if (text == "null") {
    return BadOrigin(text, "it stands for pages without one, which anybody can make");
  }
  if (text.size() > kMaxOriginBytes) return BadOrigin(text, "it is too long");
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), Lower);
  const std::size_t colon = lower.find(kSeparator);
  if (colon == lower.npos || !IsScheme(std::string_view(lower).substr(0, colon))) {
    return BadOrigin(text, "the scheme is missing");
  }
  const std::string_view scheme = std::string_view(lower).substr(0, colon);
  std::string_view host = std::string_view(lower).substr(colon + kSeparator.size());
  if (host.find('/') != host.npos) return BadOrigin(text, "an origin has no path, not even a /");
  std::string_view port;
  if (const std::size_t at = host.rfind(':'); at != host.npos && !host.ends_with(']')) {
    port = host.substr(at + 1);
    host = host.substr(0, at);
    if (!IsPort(port)) return BadOrigin(text, "the port is no number from 1 to 65535");
  }
  const bool star = host.starts_with(kStar);
  if (!IsHost(star ? host.substr(kStar.size()) : host)) {
    return BadOrigin(text, "the host is no name or address; a * stands only for its first labels");
  }
  if (port.empty() || IsDefaultPort(scheme, port)) {
    return WebOriginPattern(fmt::format("{}{}{}", scheme, kSeparator, host));
  }
  return WebOriginPattern(fmt::format("{}{}{}:{}", scheme, kSeparator, host, port));
}

bool WebOriginPattern::Matches(std::string_view origin) const {
  if (star_ == std::string::npos) return origin == text_;
  if (any()) return true;
  const std::string_view before = std::string_view(text_).substr(0, star_);
  const std::string_view after = std::string_view(text_).substr(star_ + 1);
  // Labels, and nothing with which a URL's host could end earlier.
  return origin.size() > before.size() + after.size() && origin.starts_with(before) &&
         origin.ends_with(after) &&
         std::ranges::all_of(
             origin.substr(before.size(), origin.size() - before.size() - after.size()),
             IsHostChar);
}

Result<std::vector<WebOriginPattern>> ParseWebOrigins(std::string_view list) {
  std::vector<WebOriginPattern> patterns;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item.empty()) continue;
    TRY_ASSIGN(WebOriginPattern pattern, WebOriginPattern::Parse(item));
    patterns.push_back(std::move(pattern));
  }
  return patterns;
}

}  // namespace prism::base
