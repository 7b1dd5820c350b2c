// Which pages the admin port has, and what they are over HTTP.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "rpc/resource_route.h"

namespace prism::gateway {

// One page. The text outlives everything.
struct PageInfo {
  enum class For : std::uint8_t { kAll, kAuthenticated, kServerAdmins };

  std::string_view path;
  std::string_view content_type;
  For whom;
};

inline constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
inline constexpr std::array kPages = {
    PageInfo{"/livez", kPlainText, PageInfo::For::kAll},
    PageInfo{"/readyz", kPlainText, PageInfo::For::kAll},
    PageInfo{"/version", "application/json", PageInfo::For::kAll},
    // As telemetry::PrometheusText has it.
    PageInfo{"/metrics", "text/plain; version=0.0.4; charset=utf-8", PageInfo::For::kAuthenticated},
    PageInfo{"/slow", "application/json", PageInfo::For::kServerAdmins},
    PageInfo{"/config", "application/json", PageInfo::For::kServerAdmins},
    PageInfo{"/branches", "application/json", PageInfo::For::kAuthenticated},
    PageInfo{"/openapi.json", "application/json", PageInfo::For::kServerAdmins},
    PageInfo{"/openapi-admin.json", "application/json", PageInfo::For::kServerAdmins},
};

// nullptr: there is no page of this path.
const PageInfo* FindPage(std::string_view path);

// NOT_FOUND/ROUTE_NOT_FOUND, which names the pages.
Error NoSuchPage();

// GET of a page as a call of prism.admin.v1.Pages. Life cycle: no state. Thread rule: any shard.
class PageRoute final : public rpc::ResourceRoute {
 public:
  // The error of NoSuchPage; UNIMPLEMENTED/HTTP_METHOD_UNSUPPORTED;
  // INVALID_ARGUMENT/BODY_UNEXPECTED.
  Result<rpc::ResourceCall> ToCall(const rpc::ResourceRequest& request, std::string& message,
                                   rpc::ResourceReply& reply) const override;
  std::string_view StatusOf(const Error& error) const override;
};

}  // namespace prism::gateway
