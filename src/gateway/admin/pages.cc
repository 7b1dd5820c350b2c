#include "gateway/admin/pages.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "gateway/rest/escaped_text.h"
#include "gateway/rest/http_status.h"
#include "gateway/rest/request_fields.h"
#include "prism/admin/v1/pages.pb.h"
#include "prism/admin/v1/pages.prism.h"
#include "rpc/query.h"

namespace prism::gateway {

namespace {

namespace v1 = admin::v1;

Status ReplyPage(const rpc::ResourceRequest&, const google::protobuf::Message& response,
                 rpc::ResourceReply& reply) {
  const auto& page = static_cast<const v1::Page&>(response);
  if (page.status() == 503) reply.SetStatus("503");
  reply.AppendBody(page.body());
  return {};
}

}  // namespace

const PageInfo* FindPage(std::string_view path) {
  const auto* const page = std::ranges::find(kPages, path, &PageInfo::path);
  return page != kPages.end() ? page : nullptr;
}

Error NoSuchPage() {
  std::vector<std::string_view> paths;
  for (const PageInfo& page : kPages) paths.push_back(page.path);
  return Error(Code::kNotFound, "ROUTE_NOT_FOUND",
               fmt::format("there is nothing here: try {}, or the admin API below /admin/v1/",
                           fmt::join(paths, ", ")));
}

Result<rpc::ResourceCall> PageRoute::ToCall(const rpc::ResourceRequest& request,
                                            std::string& message, rpc::ResourceReply& reply) const {
  reply.AddHeader("cache-control", "no-store");
  const PageInfo* page = FindPage(rpc::PathOf(request.target));
  if (page == nullptr) return std::unexpected(NoSuchPage());
  if (request.method != "GET" && request.method != "HEAD") {
    reply.AddHeader("allow", "GET, HEAD");
    return std::unexpected(
        Error(Code::kUnimplemented, "HTTP_METHOD_UNSUPPORTED", "a page is read with GET or HEAD"));
  }
  TRY(CheckNoBody(request));
  TRY(DecodeText(request.target, TextPlace::kQuery, "target"));
  v1::GetPageRequest asked;
  asked.set_target(std::string(request.target));
  asked.AppendToString(&message);
  return rpc::ResourceCall{&v1::Pages::kInterface.methods.front(), page->content_type, ReplyPage};
}

std::string_view PageRoute::StatusOf(const Error& error) const { return ResourceStatus(error); }

}  // namespace prism::gateway
