#include "gateway/admin/admin_route.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/arena.h>

#include <algorithm>
#include <utility>

#include "gateway/admin/route_request.h"
#include "gateway/rest/http_status.h"
#include "rpc/json/json_codec.h"
#include "rpc/query.h"

namespace prism::gateway {

namespace {

using google::protobuf::Message;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kJsonLines = "application/x-ndjson";

Status ReplyWhole(const rpc::ResourceRequest&, const Message& response, rpc::ResourceReply& reply) {
  std::string text;
  TRY(rpc::WriteJson(response, text));
  text += '\n';
  reply.AppendBody(text);
  return {};
}

std::string_view VerbOf(const contract::MethodInfo& method) {
  return method.rest.substr(0, method.rest.find(' '));
}

bool IsStream(const contract::MethodInfo& method) {
  return method.kind == contract::StreamKind::kServer;
}

// What a stream would have sent is not known, and it may never end: nobody asks for its headers.
bool Takes(const contract::MethodInfo& method, std::string_view verb) {
  return VerbOf(method) == verb || (verb == "HEAD" && VerbOf(method) == "GET" && !IsStream(method));
}

Error NotFound() {
  return Error(Code::kNotFound, "ROUTE_NOT_FOUND",
               "the admin API has nothing at this path: /openapi-admin.json says what there is");
}

}  // namespace

AdminRoute::AdminRoute(std::span<const contract::InterfaceInfo* const> interfaces) {
  for (const contract::InterfaceInfo* interface : interfaces) {
    for (const contract::MethodInfo& method : interface->methods) {
      if (method.rest.empty()) continue;
      const std::string_view path = method.rest.substr(method.rest.find(' ') + 1);
      entries_.push_back({.verb = VerbOf(method), .path = RouteTemplate(path), .method = &method});
    }
  }
  std::ranges::sort(
      entries_, [](const Entry& a, const Entry& b) { return a.path.IsMoreSpecificThan(b.path); });
}

Result<AdminRoute::Match> AdminRoute::Find(const rpc::ResourceRequest& request,
                                           rpc::ResourceReply& reply) const {
  const std::string_view path = rpc::PathOf(request.target);
  std::vector<std::string_view> allowed;
  for (const Entry& entry : entries_) {
    auto values = entry.path.Match(path);
    if (!values) continue;
    if (Takes(*entry.method, request.method)) return Match{&entry, *std::move(values)};
    if (std::ranges::find(allowed, entry.verb) == allowed.end()) allowed.push_back(entry.verb);
    if (entry.verb == "GET" && !IsStream(*entry.method)) allowed.emplace_back("HEAD");
  }
  if (allowed.empty()) return std::unexpected(NotFound());
  const std::string verbs = fmt::format("{}", fmt::join(allowed, ", "));
  reply.AddHeader("allow", verbs);
  return std::unexpected(Error(Code::kUnimplemented, "HTTP_METHOD_UNSUPPORTED",
                               fmt::format("this path takes {}", verbs)));
}

Result<rpc::ResourceCall> AdminRoute::ToCall(const rpc::ResourceRequest& request,
                                             std::string& message,
                                             rpc::ResourceReply& reply) const {
  reply.AddHeader("cache-control", "no-store");
  TRY_ASSIGN(const Match match, Find(request, reply));
  const contract::MethodInfo& method = *match.entry->method;
  if (match.entry->verb != "GET") {
    TRY(CheckOrigin(request.headers.Find("origin"), request.headers.Find(":authority")));
  }
  google::protobuf::Arena arena;
  Message& parsed = *method.new_request(&arena);
  TRY(FillRequest(method, match.values, request, parsed));
  parsed.AppendToString(&message);
  return rpc::ResourceCall{&method, IsStream(method) ? kJsonLines : kJson, ReplyWhole};
}

std::string_view AdminRoute::StatusOf(const Error& error) const { return ResourceStatus(error); }

}  // namespace prism::gateway
