#include "gateway/rest/keyvalue_call.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <map>

#include "base/check.h"
#include "gateway/rest/conditions.h"
#include "gateway/rest/keyvalue_reply.h"
#include "gateway/rest/request_fields.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "prism/keyvalue/v1/keyvalue.prism.h"

namespace prism::gateway {

namespace {

namespace v1 = keyvalue::v1;

constexpr std::string_view kBytes = "application/octet-stream";
constexpr std::string_view kJsonLines = "application/x-ndjson";

const contract::MethodInfo& MethodOf(const contract::InterfaceInfo& interface,
                                     std::string_view name) {
  const auto method = std::ranges::find(interface.methods, name, &contract::MethodInfo::name);
  PRISM_CHECK(method != interface.methods.end(), "name a method of the interface");
  return *method;
}

template <class Request>
Request RequestFor(const KeyValueTarget& target) {
  Request request;
  request.set_namespace_(target.ns);
  request.set_key(*target.key);
  return request;
}

// Behind the other fields: a value of megabytes is copied once, not through a message.
void AppendBytesField(int number, std::string_view bytes, std::string& message) {
  google::protobuf::io::StringOutputStream stream(&message);
  google::protobuf::io::CodedOutputStream out(&stream);
  using google::protobuf::internal::WireFormatLite;
  out.WriteTag(WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  out.WriteVarint32(static_cast<std::uint32_t>(bytes.size()));
  if (!bytes.empty()) out.WriteRaw(bytes.data(), static_cast<int>(bytes.size()));
}

// The fields that Set and CompareAndSwap share, and the value.
template <class Request>
Status AppendWrite(const rpc::ResourceRequest& request, Request& write, std::string& message) {
  TRY_ASSIGN(const auto ttl, ParseTtl(request.headers));
  if (ttl) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*ttl);
    write.mutable_ttl()->set_seconds(seconds.count());
    write.mutable_ttl()->set_nanos(
        static_cast<std::int32_t>(std::chrono::nanoseconds(*ttl - seconds).count()));
  }
  TRY_ASSIGN(const auto tags, ParseTags(request.headers));
  for (const auto& [name, value] : tags) (*write.mutable_tags())[name] = value;
  TRY_ASSIGN(const std::string_view id, ParseRequestId(request.headers));
  write.set_request_id(std::string(id));
  write.AppendToString(&message);
  AppendBytesField(Request::kValueFieldNumber, request.body, message);
  return {};
}

void SetExpectation(const WriteCondition& condition, v1::Expectation& expect) {
  if (condition.kind == WriteCondition::Kind::kAbsent) {
    expect.set_absent(true);
  } else {
    expect.set_version(condition.version);
  }
}

}  // namespace

Result<rpc::ResourceCall> CallOfGet(const rpc::ResourceRequest& request,
                                    const KeyValueTarget& target, std::string& message,
                                    rpc::ResourceReply& reply) {
  TRY(CheckNoBody(request));
  reply.AddHeader("accept-ranges", "none");
  // A range of HEAD means nothing (RFC 9110 section 14.2).
  if (request.method == "GET" && !request.headers.Find("range").empty()) {
    return std::unexpected(Error(Code::kUnimplemented, "RANGE_UNSUPPORTED",
                                 "a value is read as a whole: leave out the header Range"));
  }
  // The answer depends on them: what is malformed is refused before anything is read.
  TRY(ParseEntityTags(request.headers, "if-match"));
  TRY(ParseEntityTags(request.headers, "if-none-match"));
  RequestFor<v1::GetRequest>(target).AppendToString(&message);
  return rpc::ResourceCall{&MethodOf(v1::KeyValueBasic::kInterface, "Get"), kBytes, ReplyToGet};
}

Result<rpc::ResourceCall> CallOfPut(const rpc::ResourceRequest& request,
                                    const KeyValueTarget& target, std::string& message,
                                    rpc::ResourceReply& reply) {
  TRY(CheckBody(request, reply));
  TRY_ASSIGN(const WriteCondition condition, ParseWriteCondition(request.headers));
  if (condition.kind == WriteCondition::Kind::kNone) {
    auto set = RequestFor<v1::SetRequest>(target);
    TRY(AppendWrite(request, set, message));
    return rpc::ResourceCall{&MethodOf(v1::KeyValueBasic::kInterface, "Set"), {}, ReplyToSet};
  }
  auto swap = RequestFor<v1::CompareAndSwapRequest>(target);
  SetExpectation(condition, *swap.mutable_expect());
  TRY(AppendWrite(request, swap, message));
  return rpc::ResourceCall{
      &MethodOf(v1::KeyValueCas::kInterface, "CompareAndSwap"), {}, ReplyToSwap};
}

Result<rpc::ResourceCall> CallOfDelete(const rpc::ResourceRequest& request,
                                       const KeyValueTarget& target, std::string& message) {
  TRY(CheckNoBody(request));
  TRY_ASSIGN(const WriteCondition condition, ParseWriteCondition(request.headers));
  TRY_ASSIGN(const std::string_view id, ParseRequestId(request.headers));
  if (condition.kind == WriteCondition::Kind::kNone) {
    auto remove = RequestFor<v1::DeleteRequest>(target);
    remove.set_request_id(std::string(id));
    remove.AppendToString(&message);
    return rpc::ResourceCall{&MethodOf(v1::KeyValueBasic::kInterface, "Delete"), {}, ReplyToDelete};
  }
  auto remove = RequestFor<v1::CompareAndDeleteRequest>(target);
  SetExpectation(condition, *remove.mutable_expect());
  remove.set_request_id(std::string(id));
  remove.AppendToString(&message);
  return rpc::ResourceCall{
      &MethodOf(v1::KeyValueCas::kInterface, "CompareAndDelete"), {}, ReplyToDeleteIf};
}

Result<rpc::ResourceCall> CallOfList(const rpc::ResourceRequest& request,
                                     const KeyValueTarget& target, std::string& message) {
  TRY(CheckNoBody(request));
  const bool head = request.method == "HEAD";
  v1::ScanRequest scan;
  scan.set_namespace_(target.ns);
  scan.set_prefix(target.list.prefix);
  scan.set_page_token(target.list.page_token);
  scan.set_limit(head && target.list.limit >= 0 ? 1 : target.list.limit);
  scan.set_keys_only(head || target.list.keys_only);
  scan.AppendToString(&message);
  return rpc::ResourceCall{&MethodOf(v1::KeyValueScan::kInterface, "Scan"), kJsonLines,
                           ReplyToList};
}

}  // namespace prism::gateway
