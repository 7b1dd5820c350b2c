#include "gateway/rest/capability_route.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/check.h"
#include "base/units.h"
#include "gateway/rest/conditions.h"
#include "gateway/rest/escaped_text.h"
#include "gateway/rest/http_status.h"
#include "gateway/rest/request_fields.h"
#include "gateway/rest/target.h"
#include "prism/capability/v1/capability.pb.h"
#include "prism/capability/v1/capability.prism.h"
#include "rpc/json/json_codec.h"

namespace prism::gateway {

namespace {

namespace v1 = capability::v1;
using google::protobuf::Message;

constexpr std::string_view kJson = "application/json";
constexpr std::array kParameters = {KnownParameter{"index"}, KnownParameter{"wait"}};

const contract::MethodInfo& MethodOf(std::string_view name) {
  const auto methods = v1::CapabilityService::kInterface.methods;
  const auto method = std::ranges::find(methods, name, &contract::MethodInfo::name);
  PRISM_CHECK(method != methods.end(), "name a method of the interface");
  return *method;
}

Status AppendJson(const Message& response, rpc::ResourceReply& reply) {
  std::string text;
  TRY(rpc::WriteJson(response, text));
  text += '\n';
  reply.AppendBody(text);
  return {};
}

Status ReplyToGet(const rpc::ResourceRequest& /*request*/, const Message& response,
                  rpc::ResourceReply& reply) {
  return AppendJson(response, reply);
}

// 304 when the client has the flags already.
Status ReplyToFeatures(const rpc::ResourceRequest& request, const Message& message,
                       rpc::ResourceReply& reply) {
  const auto& response = static_cast<const v1::GetFeaturesResponse&>(message);
  const std::string revision = std::to_string(response.revision());
  TRY_ASSIGN(const auto none_match, ParseEntityTags(request.headers, "if-none-match"));
  reply.AddHeader("etag", MakeETag(revision));
  if (none_match && none_match->MatchesWeakly(revision)) {
    reply.SetStatus("304");
    return {};
  }
  return AppendJson(message, reply);
}

Result<std::int64_t> ParseIndex(const std::string& text) {
  std::int64_t index = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, index);
  if (failure == std::errc() && stop == end) return index;
  return std::unexpected(InvalidField("INDEX_MALFORMED", "index",
                                      "is no revision: pass on what an earlier answer said"));
}

Status ParseWait(const std::string& text, google::protobuf::Duration& wait) {
  const auto parsed = base::ParseDuration(text);
  if (!parsed) {
    return std::unexpected(InvalidField(parsed.error().reason(), "wait",
                                        "is no duration: write a number with a unit of ms, s or "
                                        "m, such as 30s or 5m"));
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*parsed);
  wait.set_seconds(seconds.count());
  wait.set_nanos(static_cast<std::int32_t>(std::chrono::nanoseconds(*parsed - seconds).count()));
  return {};
}

Result<rpc::ResourceCall> CallOfFeatures(const rpc::ResourceRequest& request, const std::string& ns,
                                         const Query& query, std::string& message) {
  // The answer depends on it: what is malformed is refused before anything waits.
  TRY(ParseEntityTags(request.headers, "if-none-match"));
  v1::GetFeaturesRequest call;
  call.set_namespace_(ns);
  if (const auto* text = query.Find("index")) {
    TRY_ASSIGN(const std::int64_t index, ParseIndex(*text));
    call.set_index(index);
  }
  if (const auto* text = query.Find("wait")) TRY(ParseWait(*text, *call.mutable_wait()));
  call.AppendToString(&message);
  return rpc::ResourceCall{&MethodOf("GetFeatures"), kJson, ReplyToFeatures};
}

}  // namespace

Result<rpc::ResourceCall> CapabilityRoute::ToCall(const rpc::ResourceRequest& request,
                                                  std::string& message,
                                                  rpc::ResourceReply& reply) const {
  if (request.method != "GET" && request.method != "HEAD") {
    reply.AddHeader("allow", "GET, HEAD");
    return std::unexpected(Error(Code::kUnimplemented, "HTTP_METHOD_UNSUPPORTED",
                                 "what a namespace is can only be read here: whoever administers "
                                 "it changes it on the admin port"));
  }
  TRY(CheckNoBody(request));
  const Target target = SplitTarget(request.target).value_or(Target{});
  TRY_ASSIGN(const std::string ns, DecodeText(target.ns, TextPlace::kPath, "namespace"));
  const bool features = target.kind == kFeatures;
  TRY_ASSIGN(const Query query,
             Query::Parse(target.query, features ? std::span<const KnownParameter>(kParameters)
                                                 : std::span<const KnownParameter>()));
  if (features) return CallOfFeatures(request, ns, query, message);
  v1::GetRequest call;
  call.set_namespace_(ns);
  call.AppendToString(&message);
  return rpc::ResourceCall{&MethodOf("Get"), kJson, ReplyToGet};
}

std::string_view CapabilityRoute::StatusOf(const Error& error) const {
  return ResourceStatus(error);
}

}  // namespace prism::gateway
