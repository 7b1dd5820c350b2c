#include "rpc/call/cors.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace prism::rpc {
namespace {

constexpr std::string_view kMethods = "GET, HEAD, POST, PUT, DELETE";

// What pages may send beside the few headers that every page may: those that our protocols and
// their libraries use. "prism-" stands for all headers of that beginning.
constexpr std::string_view kRequestHeaders =
    "authorization, connect-accept-encoding, connect-content-encoding, connect-protocol-version, "
    "connect-timeout-ms, content-encoding, content-type, grpc-accept-encoding, grpc-encoding, "
    "grpc-timeout, idempotency-key, if-match, if-none-match, range, traceparent, tracestate, "
    "x-grpc-web, x-request-id, x-user-agent";
constexpr std::string_view kOwnHeaders = "prism-";

// What pages may read beside the few headers that every page may.
constexpr std::string_view kExposed =
    "accept-encoding, accept-ranges, allow, connect-content-encoding, content-encoding, etag, "
    "grpc-encoding, grpc-message, grpc-status, grpc-status-details-bin, prism-durability, "
    "prism-existed, prism-expire-time, prism-session, prism-tag, retry-after, x-request-id";

// Longer names are none of ours.
constexpr std::size_t kMaxHeaderBytes = 64;

bool IsOwnHeader(std::string_view name) {
  return name.size() > kOwnHeaders.size() && name.size() <= kMaxHeaderBytes &&
         name.starts_with(kOwnHeaders) && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// The table, and of what is asked for the headers whose names can't all be in it. Browsers send
// this list in lower case and sorted, separated by commas.
std::string AllowedHeaders(std::string_view asked) {
  std::string allowed(kRequestHeaders);
  while (!asked.empty()) {
    const std::size_t comma = asked.find(',');
    std::string_view name = asked.substr(0, comma);
    asked.remove_prefix(comma == asked.npos ? asked.size() : comma + 1);
    while (name.starts_with(' ')) name.remove_prefix(1);
    if (IsOwnHeader(name)) allowed.append(", ").append(name);
  }
  return allowed;
}

}  // namespace

Status CheckCors(const CorsSettings& settings) {
  if (!settings.allow_credentials ||
      std::ranges::none_of(settings.allowed_origins, &base::WebOriginPattern::any)) {
    return {};
  }
  return std::unexpected(
      Error(Code::kInvalidArgument, "CORS_CREDENTIALS_FOR_ALL",
            "with allow_credentials any page could act in the name of whoever visits it: name the "
            "allowed_origins instead of *"));
}

Cors::Cors(CorsSettings settings)
    : settings_(std::move(settings)),
      any_origin_(std::ranges::any_of(settings_.allowed_origins, &base::WebOriginPattern::any)) {}

bool Cors::Allows(std::string_view origin) const {
  return std::ranges::any_of(settings_.allowed_origins,
                             [&](const auto& pattern) { return pattern.Matches(origin); });
}

Result<std::vector<std::pair<std::string_view, std::string>>> Cors::AllowPreflight(
    const RequestHeaders& request) const {
  const std::string_view origin = request.Find("origin");
  if (!Allows(origin)) {
    return std::unexpected(
        Error(Code::kPermissionDenied, "CORS_ORIGIN_NOT_ALLOWED",
              fmt::format("pages of {} may not call this server: add the origin to "
                          "server.cors.allowed_origins (--cors-allowed-origins)",
                          origin.substr(0, 200))));
  }
  std::vector<std::pair<std::string_view, std::string>> fields = {
      {"access-control-allow-methods", std::string(kMethods)},
      {"access-control-allow-headers",
       AllowedHeaders(request.Find("access-control-request-headers"))},
      {"access-control-max-age", std::to_string(settings_.max_age.count())},
      {"vary", "access-control-request-method, access-control-request-headers"}};
  // A page of the internet that calls a server in its visitor's network (the draft "Private
  // Network Access"): who names an origin means it from wherever it was loaded.
  if (request.Find("access-control-request-private-network") == "true") {
    fields.emplace_back("access-control-allow-private-network", "true");
  }
  return fields;
}

void Cors::AppendTo(const RequestHeaders& request, std::vector<HeaderField>& response) const {
  if (!enabled()) return;
  const std::string_view origin = request.Find("origin");
  if (!origin.empty() && Allows(origin)) {
    response.push_back({"access-control-allow-origin", any_origin_ ? "*" : origin});
    response.push_back({"access-control-expose-headers", kExposed});
    if (settings_.allow_credentials) {
      response.push_back({"access-control-allow-credentials", "true"});
    }
  }
  // Also without an origin: a cache must not give that answer to a page.
  if (!any_origin_) response.push_back({"vary", "origin"});
}

}  // namespace prism::rpc
