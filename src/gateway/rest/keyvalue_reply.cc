#include "gateway/rest/keyvalue_reply.h"

#include <map>
#include <string>

#include "gateway/rest/conditions.h"
#include "gateway/rest/escaped_text.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "rpc/json/json_codec.h"

namespace prism::gateway {

namespace {

namespace v1 = keyvalue::v1;
using google::protobuf::Message;

// 412 with the ETag of what is there; empty: nothing.
Status Mismatch(std::string_view current_version, rpc::ResourceReply& reply) {
  if (!current_version.empty()) reply.AddHeader("etag", MakeETag(current_version));
  return std::unexpected(VersionMismatch(current_version));
}

// Its JSON without the quotes: "2026-11-21T08:00:00.250Z".
Result<std::string> TimeText(const google::protobuf::Timestamp& time) {
  std::string text;
  TRY(rpc::WriteJson(time, text));
  return text.substr(1, text.size() - 2);
}

Status AddProperties(const v1::GetResponse& response, rpc::ResourceReply& reply) {
  if (response.has_expire_time()) {
    TRY_ASSIGN(const std::string time, TimeText(response.expire_time()));
    reply.AddHeader("prism-expire-time", time);
  }
  // By name: equal answers look equal.
  const std::map<std::string_view, std::string_view> tags(response.tags().begin(),
                                                          response.tags().end());
  for (const auto& [name, value] : tags) {
    reply.AddHeader("prism-tag", EncodeText(name) + '=' + EncodeText(value));
  }
  return {};
}

Status Deleted(bool existed, rpc::ResourceReply& reply) {
  reply.SetStatus("204");
  reply.AddHeader("prism-existed", existed ? "true" : "false");
  return {};
}

}  // namespace

Status ReplyToGet(const rpc::ResourceRequest& request, const Message& message,
                  rpc::ResourceReply& reply) {
  const auto& response = static_cast<const v1::GetResponse&>(message);
  if (!response.found()) {
    return std::unexpected(
        Error(Code::kNotFound, "KEY_NOT_FOUND",
              "the key is not there: it was never written, was removed, or has expired"));
  }
  TRY_ASSIGN(const auto match, ParseEntityTags(request.headers, "if-match"));
  TRY_ASSIGN(const auto none_match, ParseEntityTags(request.headers, "if-none-match"));
  if (match && !match->MatchesStrongly(response.version())) {
    return Mismatch(response.version(), reply);
  }
  reply.AddHeader("etag", MakeETag(response.version()));
  // Whoever keeps a copy asks whether it is still the one: a 304 is cheap, a stale value is not.
  reply.AddHeader("cache-control", "no-cache");
  if (none_match && none_match->MatchesWeakly(response.version())) {
    reply.SetStatus("304");
    return {};
  }
  // Values are strangers' bytes: no browser may take one for a page of this origin.
  reply.AddHeader("x-content-type-options", "nosniff");
  TRY(AddProperties(response, reply));
  reply.AppendBody(response.value());
  return {};
}

Status ReplyToSet(const rpc::ResourceRequest& /*request*/, const Message& message,
                  rpc::ResourceReply& reply) {
  reply.SetStatus("204");
  reply.AddHeader("etag", MakeETag(static_cast<const v1::SetResponse&>(message).version()));
  return {};
}

Status ReplyToSwap(const rpc::ResourceRequest& request, const Message& message,
                   rpc::ResourceReply& reply) {
  const auto& response = static_cast<const v1::CompareAndSwapResponse&>(message);
  if (!response.swapped()) return Mismatch(response.version(), reply);
  reply.SetStatus(request.headers.Find("if-none-match").empty() ? "204" : "201");
  reply.AddHeader("etag", MakeETag(response.version()));
  return {};
}

Status ReplyToDelete(const rpc::ResourceRequest& /*request*/, const Message& message,
                     rpc::ResourceReply& reply) {
  return Deleted(static_cast<const v1::DeleteResponse&>(message).existed(), reply);
}

Status ReplyToDeleteIf(const rpc::ResourceRequest& request, const Message& message,
                       rpc::ResourceReply& reply) {
  const auto& response = static_cast<const v1::CompareAndDeleteResponse&>(message);
  const bool removes = request.headers.Find("if-none-match").empty();
  const std::string& current = response.current().version();
  // Under "If-None-Match: *" there is nothing to remove, which is as it should be.
  const bool held = response.deleted() || (!removes && current.empty());
  return held ? Deleted(removes, reply) : Mismatch(current, reply);
}

Status ReplyToList(const rpc::ResourceRequest& /*request*/, const Message& response,
                   rpc::ResourceReply& reply) {
  std::string line;
  TRY(rpc::WriteJson(response, line));
  line += '\n';
  reply.AppendBody(line);
  return {};
}

}  // namespace prism::gateway
