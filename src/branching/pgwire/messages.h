// The messages that the proxy itself writes (PostgreSQL documentation, "Message Formats"). Each
// function appends one whole message to `out`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace prism::branching {

// Transaction states of ReadyForQuery.
enum class TransactionStatus : char { kIdle = 'I', kOpen = 'T', kFailed = 'E' };

struct Report {
  std::string_view severity;  // "FATAL", "NOTICE", ...
  std::string_view sqlstate;
  std::string_view message;
  std::string_view detail;  // fields that are empty are left out
  std::string_view hint;
  std::string_view reason;  // as the routine, which drivers show on request
};

// To clients.

// Texts are cut so that libpq takes the message, which it does up to 30000 bytes before
// authentication.
void AppendErrorResponse(std::string& out, const Report& report);
// FATAL, with SQLSTATE, reason and hint of the error.
void AppendErrorResponse(std::string& out, const Error& error);
// Clients understand it from AuthenticationOk on only.
void AppendNoticeResponse(std::string& out, const Report& report);

void AppendAuthenticationOk(std::string& out);
// `salt` has 4 bytes.
void AppendAuthenticationMd5Password(std::string& out, std::string_view salt);
void AppendAuthenticationSasl(std::string& out, std::span<const std::string_view> mechanisms);
void AppendAuthenticationSaslContinue(std::string& out, std::string_view data);
void AppendAuthenticationSaslFinal(std::string& out, std::string_view data);

void AppendParameterStatus(std::string& out, std::string_view name, std::string_view value);
void AppendBackendKeyData(std::string& out, std::uint32_t process_id, std::string_view key);
void AppendReadyForQuery(std::string& out, TransactionStatus status);
// `version` is the whole word, as PostgreSQL itself sends it, not the minor version alone.
void AppendNegotiateProtocolVersion(std::string& out, std::uint32_t version,
                                    std::span<const std::string> unknown_options);

// To servers.

// The whole packet; nothing but this goes over its connection.
void AppendCancelRequest(std::string& out, std::uint32_t process_id, std::string_view key);
void AppendSslRequest(std::string& out);
void AppendSaslInitialResponse(std::string& out, std::string_view mechanism, std::string_view data);
void AppendSaslResponse(std::string& out, std::string_view data);

}  // namespace prism::branching
