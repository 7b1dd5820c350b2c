#include "branching/pgwire/messages.h"

#include <cstddef>

#include "base/utf8.h"
#include "branching/pgwire/refusal.h"
#include "branching/pgwire/wire_bytes.h"

namespace prism::branching {

namespace {

constexpr std::uint32_t kCancelCode = 80877102;
constexpr std::uint32_t kSslCode = 80877103;
// Of one field of a report: six of them stay below libpq's 30000 bytes.
constexpr std::size_t kMaxReportField = 4096;

// The codes of AuthenticationXXX.
enum class Authentication : std::uint32_t {
  kOk = 0,
  kMd5Password = 5,
  kSasl = 10,
  kSaslContinue = 11,
  kSaslFinal = 12,
};

// Writes the header, and the length when the body is complete.
class Framed {
 public:
  Framed(std::string& out, char type) : out_(out) {
    out_.push_back(type);
    start_ = out_.size();
    out_.append(4, '\0');
  }
  ~Framed() {
    std::string length;
    AppendInt32(length, static_cast<std::uint32_t>(out_.size() - start_));
    out_.replace(start_, length.size(), length);
  }
  Framed(const Framed&) = delete;
  Framed& operator=(const Framed&) = delete;

 private:
  std::string& out_;
  std::size_t start_ = 0;
};

void AppendAuthentication(std::string& out, Authentication code, std::string_view data) {
  const Framed framed(out, 'R');
  AppendInt32(out, static_cast<std::uint32_t>(code));
  out.append(data);
}

void AppendReport(std::string& out, char type, const Report& report) {
  const Framed framed(out, type);
  const auto field = [&out](char code, std::string_view text) {
    if (text.empty()) return;
    out.push_back(code);
    AppendText(out, base::IsValidUtf8(text) ? base::TruncateUtf8(text, kMaxReportField)
                                            : text.substr(0, kMaxReportField));
  };
  field('S', report.severity);
  field('V', report.severity);
  field('C', report.sqlstate);
  field('M', report.message);
  field('D', report.detail);
  field('H', report.hint);
  field('R', report.reason);
  out.push_back('\0');
}

}  // namespace

void AppendErrorResponse(std::string& out, const Report& report) { AppendReport(out, 'E', report); }

void AppendErrorResponse(std::string& out, const Error& error) {
  const SqlError sql = SqlErrorOf(error);
  AppendErrorResponse(out, {.severity = "FATAL",
                            .sqlstate = sql.sqlstate,
                            .message = error.message(),
                            .detail = {},
                            .hint = sql.hint,
                            .reason = error.reason()});
}

void AppendNoticeResponse(std::string& out, const Report& report) {
  AppendReport(out, 'N', report);
}

void AppendAuthenticationOk(std::string& out) {
  AppendAuthentication(out, Authentication::kOk, {});
}

void AppendAuthenticationMd5Password(std::string& out, std::string_view salt) {
  AppendAuthentication(out, Authentication::kMd5Password, salt);
}

void AppendAuthenticationSasl(std::string& out, std::span<const std::string_view> mechanisms) {
  std::string list;
  for (const std::string_view mechanism : mechanisms) AppendText(list, mechanism);
  list.push_back('\0');
  AppendAuthentication(out, Authentication::kSasl, list);
}

void AppendAuthenticationSaslContinue(std::string& out, std::string_view data) {
  AppendAuthentication(out, Authentication::kSaslContinue, data);
}

void AppendAuthenticationSaslFinal(std::string& out, std::string_view data) {
  AppendAuthentication(out, Authentication::kSaslFinal, data);
}

void AppendParameterStatus(std::string& out, std::string_view name, std::string_view value) {
  const Framed framed(out, 'S');
  AppendText(out, name);
  AppendText(out, value);
}

void AppendBackendKeyData(std::string& out, std::uint32_t process_id, std::string_view key) {
  const Framed framed(out, 'K');
  AppendInt32(out, process_id);
  out.append(key);
}

void AppendReadyForQuery(std::string& out, TransactionStatus status) {
  const Framed framed(out, 'Z');
  out.push_back(static_cast<char>(status));
}

void AppendNegotiateProtocolVersion(std::string& out, std::uint32_t version,
                                    std::span<const std::string> unknown_options) {
  const Framed framed(out, 'v');
  AppendInt32(out, version);
  AppendInt32(out, static_cast<std::uint32_t>(unknown_options.size()));
  for (const std::string& option : unknown_options) AppendText(out, option);
}

void AppendCancelRequest(std::string& out, std::uint32_t process_id, std::string_view key) {
  AppendInt32(out, static_cast<std::uint32_t>(12 + key.size()));
  AppendInt32(out, kCancelCode);
  AppendInt32(out, process_id);
  out.append(key);
}

void AppendSslRequest(std::string& out) {
  AppendInt32(out, 8);
  AppendInt32(out, kSslCode);
}

void AppendSaslInitialResponse(std::string& out, std::string_view mechanism,
                               std::string_view data) {
  const Framed framed(out, 'p');
  AppendText(out, mechanism);
  AppendInt32(out, static_cast<std::uint32_t>(data.size()));
  out.append(data);
}

void AppendSaslResponse(std::string& out, std::string_view data) {
  const Framed framed(out, 'p');
  out.append(data);
}

}  // namespace prism::branching
