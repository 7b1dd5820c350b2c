#include "telemetry/trace_context.h"

#include <algorithm>

namespace prism::telemetry {

namespace {

constexpr std::size_t kMaxMembers = 32;
constexpr std::size_t kMaxKeyBytes = 256;
constexpr std::size_t kMaxTenantBytes = 241;
constexpr std::size_t kMaxSystemBytes = 14;
constexpr std::size_t kMaxValueBytes = 256;

// Where the parts of a traceparent begin: VV-TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT-PPPPPPPPPPPPPPPP-FF
constexpr std::size_t kTraceAt = 3;
constexpr std::size_t kParentAt = 36;
constexpr std::size_t kFlagsAt = 53;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLowerLetter(char c) { return c >= 'a' && c <= 'z'; }
bool IsHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); });
}
// Of the lower-case hexadecimal digit.
int HexValue(char c) { return IsDigit(c) ? c - '0' : c - 'a' + 10; }
bool IsZero(std::string_view text) { return text.find_first_not_of('0') == text.npos; }

// After the first letter.
bool IsKeyRest(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return IsLowerLetter(c) || IsDigit(c) || c == '_' || c == '-' || c == '*' || c == '/';
  });
}

bool IsKey(std::string_view key) {
  if (key.empty()) return false;
  const std::size_t at = key.find('@');
  if (at == key.npos) {
    return key.size() <= kMaxKeyBytes && IsLowerLetter(key.front()) && IsKeyRest(key.substr(1));
  }
  const std::string_view tenant = key.substr(0, at);
  const std::string_view system = key.substr(at + 1);
  if (tenant.empty() || tenant.size() > kMaxTenantBytes || system.empty() ||
      system.size() > kMaxSystemBytes) {
    return false;
  }
  return (IsLowerLetter(tenant.front()) || IsDigit(tenant.front())) &&
         IsKeyRest(tenant.substr(1)) && IsLowerLetter(system.front()) &&
         IsKeyRest(system.substr(1));
}

// Visible ASCII but comma and equals sign, with blanks anywhere but at the end.
bool IsValue(std::string_view value) {
  if (value.empty() || value.size() > kMaxValueBytes || value.back() == ' ') return false;
  return std::ranges::all_of(value,
                             [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

std::string_view Trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<Traceparent> ParseTraceparent(std::string_view header) {
  constexpr std::size_t kSize = TraceContext::kHeaderBytes;
  if (header.size() < kSize || header[kTraceAt - 1] != '-' || header[kParentAt - 1] != '-' ||
      header[kFlagsAt - 1] != '-') {
    return std::nullopt;
  }
  const std::string_view version = header.substr(0, 2);
  if (!IsHex(version) || version == "ff") return std::nullopt;
  if (header.size() > kSize && (version == "00" || header[kSize] != '-')) return std::nullopt;
  const std::string_view flags = header.substr(kFlagsAt, 2);
  const Traceparent parent{.trace_id = header.substr(kTraceAt, TraceContext::kTraceIdBytes),
                           .parent_id = header.substr(kParentAt, TraceContext::kSpanIdBytes),
                           .sampled = (HexValue(flags[1]) & 1) != 0};
  if (!IsHex(parent.trace_id) || IsZero(parent.trace_id) || !IsHex(parent.parent_id) ||
      IsZero(parent.parent_id) || !IsHex(flags)) {
    return std::nullopt;
  }
  return parent;
}

bool IsTracestate(std::string_view list) {
  std::size_t members = 0;
  for (;;) {
    const std::size_t comma = list.find(',');
    const std::string_view member = Trim(list.substr(0, comma));
    if (!member.empty()) {
      const std::size_t equals = member.find('=');
      if (equals == member.npos || ++members > kMaxMembers || !IsKey(member.substr(0, equals)) ||
          !IsValue(member.substr(equals + 1))) {
        return false;
      }
    }
    if (comma == list.npos) return true;
    list.remove_prefix(comma + 1);
  }
}

void TraceContext::Begin(std::string_view traceparent, std::string_view tracestate, IdSource& ids) {
  active_ = true;
  WriteHex(ids.TakeId(), span_id_);
  const auto parent = ParseTraceparent(traceparent);
  if (!parent) {
    WriteHex(ids.TakeId(), trace_id_);
    WriteHex(ids.TakeId(), trace_id_ + kTraceIdBytes / 2);
    return;
  }
  std::ranges::copy(parent->trace_id, trace_id_);
  std::ranges::copy(parent->parent_id, parent_id_);
  parent_size_ = kSpanIdBytes;
  sampled_ = parent->sampled;
  if (IsTracestate(tracestate)) tracestate_ = Trim(tracestate);
}

std::string TraceContext::TraceparentHeader() const {
  std::string header = "00-";
  header.append(trace_id()).append("-").append(span_id()).append(sampled_ ? "-01" : "-00");
  return header;
}

}  // namespace prism::telemetry
