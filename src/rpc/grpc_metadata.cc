#include "rpc/grpc_metadata.h"

#include <array>
#include <charconv>
#include <limits>

namespace prism::rpc {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

constexpr std::array<std::int8_t, 256> MakeBase64Values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kBase64.size(); ++i) {
    values[static_cast<unsigned char>(kBase64[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr std::array<std::int8_t, 256> kBase64Values = MakeBase64Values();

struct TimeoutUnit {
  char letter;
  MonoNanos nanos;
};
constexpr std::array<TimeoutUnit, 6> kTimeoutUnits = {{{'n', 1},
                                                       {'u', 1'000},
                                                       {'m', kNanosPerMilli},
                                                       {'S', kNanosPerSecond},
                                                       {'M', 60 * kNanosPerSecond},
                                                       {'H', 3600 * kNanosPerSecond}}};
constexpr std::size_t kMaxTimeoutDigits = 8;
constexpr MonoNanos kMaxTimeoutValue = 99'999'999;

}  // namespace

void AppendPercentEncoded(std::string& out, std::string_view text) {
  for (char c : text) {
    if (c >= 0x20 && c <= 0x7e && c != '%') {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kHexDigits[byte >> 4]);
    out.push_back(kHexDigits[byte & 15]);
  }
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = HexValue(text[i + 1]);
      const int low = HexValue(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
        continue;
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

void AppendBase64(std::string& out, std::string_view bytes) {
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    count += 8;
    while (count >= 6) {
      count -= 6;
      out.push_back(kBase64[bits >> count & 63]);
    }
  }
  if (count > 0) out.push_back(kBase64[bits << (6 - count) & 63]);
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const int value = kBase64Values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count));
    }
  }
  return out;
}

std::optional<MonoNanos> ParseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMaxTimeoutDigits + 1) return std::nullopt;
  MonoNanos value = 0;
  for (char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  for (const TimeoutUnit& unit : kTimeoutUnits) {
    if (unit.letter != text.back()) continue;
    if (value > std::numeric_limits<MonoNanos>::max() / unit.nanos) {
      return std::numeric_limits<MonoNanos>::max();
    }
    return value * unit.nanos;
  }
  return std::nullopt;
}

std::string FormatGrpcTimeout(MonoNanos timeout) {
  if (timeout <= 0) return "1n";
  for (const TimeoutUnit& unit : kTimeoutUnits) {
    const MonoNanos value = timeout / unit.nanos + (timeout % unit.nanos != 0 ? 1 : 0);
    if (value <= kMaxTimeoutValue) return std::to_string(value) + unit.letter;
  }
  return std::to_string(kMaxTimeoutValue) + "H";
}

bool IsGrpcContentType(std::string_view value) {
  constexpr std::string_view kType = "application/grpc";
  if (!value.starts_with(kType)) return false;
  value.remove_prefix(kType.size());
  return value.empty() || value.front() == ';' || value == "+proto" || value.starts_with("+proto;");
}

bool ListContains(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item == wanted) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

Code CodeOfHttpStatus(int http_status) {
  switch (http_status) {
    case 400:
      return Code::kInternal;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code::kUnavailable;
    default:
      return Code::kUnknown;
  }
}

Code ParseGrpcStatus(std::string_view text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return Code::kUnknown;
  if (value < 0 || value > static_cast<int>(Code::kUnauthenticated)) return Code::kUnknown;
  return static_cast<Code>(value);
}

}  // namespace prism::rpc
