// Cross-origin resource sharing (the Fetch standard, "CORS protocol"): which web pages may call,
// and what a browser is told about it. It protects the users of browsers, not the server: whoever
// is no browser sends what he likes.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/web_origin.h"
#include "rpc/http/http_codec.h"
#include "rpc/request_headers.h"

namespace prism::rpc {

struct CorsSettings {
  std::vector<base::WebOriginPattern> allowed_origins;  // empty: no page of another origin
  // Pages may send cookies and client certificates. Not together with the origin "*".
  bool allow_credentials = false;
  std::chrono::seconds max_age{3600};  // how long a browser may remember a preflight

  bool operator==(const CorsSettings&) const = default;
};

// INVALID_ARGUMENT/CORS_CREDENTIALS_FOR_ALL when every page would act in its visitors' name.
Status CheckCors(const CorsSettings& settings);

// Life cycle: made once; replaced as a whole. Nothing that it answers refers to it. Thread rule:
// any.
class Cors {
 public:
  Cors() : Cors(CorsSettings{}) {}
  explicit Cors(CorsSettings settings);

  bool enabled() const { return !settings_.allowed_origins.empty(); }

  // True for the request by which a browser asks whether it may send another one.
  static bool IsPreflight(std::string_view method, const RequestHeaders& request) {
    return method == "OPTIONS" && !request.Find("origin").empty() &&
           !request.Find("access-control-request-method").empty();
  }
  // What the answer to a preflight says beside AppendTo; PERMISSION_DENIED/CORS_ORIGIN_NOT_ALLOWED.
  Result<std::vector<std::pair<std::string_view, std::string>>> AllowPreflight(
      const RequestHeaders& request) const;
  // Appends what every answer to a browser must say; keeps views of `request`.
  void AppendTo(const RequestHeaders& request, std::vector<HeaderField>& response) const;

 private:
  bool Allows(std::string_view origin) const;

  CorsSettings settings_;
  bool any_origin_;
};

}  // namespace prism::rpc
