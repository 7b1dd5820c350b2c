#include "rpc/wire/grpc_metadata.h"

#include <array>
#include <charconv>
#include <limits>

#include "base/percent.h"

namespace prism::rpc {
namespace {

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
  for (const char c : text) {
    if (c >= 0x20 && c <= 0x7e && c != '%') {
      out.push_back(c);
    } else {
      base::AppendPercentEscape(out, c);
    }
  }
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::optional<char> escaped = base::PercentEscapeAt(text, i);
    out.push_back(escaped.value_or(text[i]));
    if (escaped) i += 2;
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
