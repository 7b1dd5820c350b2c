// Requests for resources from strangers: "METHOD target\nname: value\n...\n\nbody". What is
// understood is a call whose message parses, and names the same key in every spelling; what is not
// has a reason and a status.
#include <google/protobuf/arena.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "base/utf8.h"
#include "gateway/rest/escaped_text.h"
#include "gateway/rest/keyvalue_target.h"
#include "gateway/rest/resource_routes.h"
#include "gateway/rest/testing/recorded_reply.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "tests/fuzz/route_checks.h"

namespace {

namespace v1 = prism::keyvalue::v1;
using prism::fuzz::Require;
using prism::fuzz::RequireHeaders;
using prism::fuzz::RequireRefusal;
using prism::fuzz::TakeUntil;
using prism::gateway::testing::RecordedReply;

// A slash in it separates nothing.
std::string PathSegment(std::string_view text) {
  std::string segment;
  for (const char c : prism::gateway::EncodeText(text)) {
    if (c == '/') {
      segment += "%2F";
    } else {
      segment += c;
    }
  }
  return segment;
}

// One key, whichever way it is spelled.
void RequireSameKey(const prism::gateway::KeyValueTarget& target) {
  const std::string list = "/v1/" + PathSegment(target.ns) + "/keyvalue?";
  for (const std::string& name : {"key=" + prism::gateway::EncodeText(*target.key),
                                  "key_b64=" + prism::base::Base64Encode(*target.key)}) {
    const auto again = prism::gateway::ParseKeyValueTarget(list + name);
    Require(again.has_value() && again->ns == target.ns && again->key == target.key);
  }
}

// Fills what a store could answer, from the bytes of the request.
void FillAnswer(std::string_view text, google::protobuf::Message& response) {
  const bool yes = text.size() % 2 == 0;
  if (auto* got = google::protobuf::DynamicCastToGenerated<v1::GetResponse>(&response)) {
    got->set_found(text.size() % 3 != 0);
    got->set_value(std::string(text));
    got->set_version("v1");
    if (yes) got->mutable_expire_time()->set_seconds(static_cast<std::int64_t>(text.size()) << 32);
    if (prism::base::IsValidUtf8(text)) (*got->mutable_tags())[std::string(text)] = text;
  } else if (auto* swap =
                 google::protobuf::DynamicCastToGenerated<v1::CompareAndSwapResponse>(&response)) {
    swap->set_swapped(yes);
    swap->set_version(text.size() % 3 == 0 ? "" : "v\"2\n");
  } else if (auto* set = google::protobuf::DynamicCastToGenerated<v1::SetResponse>(&response)) {
    set->set_version("v 3");
  } else if (auto* removed = google::protobuf::DynamicCastToGenerated<v1::CompareAndDeleteResponse>(
                 &response)) {
    removed->set_deleted(yes);
    removed->mutable_current()->set_version("v4");
  } else if (auto* step = google::protobuf::DynamicCastToGenerated<v1::ScanResponse>(&response)) {
    step->mutable_entry()->set_value(std::string(text));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view all = text;
  std::string_view line = TakeUntil(text, '\n');
  const std::string_view method = TakeUntil(line, ' ');
  const std::string_view target = line;
  prism::rpc::RequestHeaders headers;
  for (line = TakeUntil(text, '\n'); !line.empty(); line = TakeUntil(text, '\n')) {
    const std::string_view name = TakeUntil(line, ':');
    headers.Add(name, line.substr(line.starts_with(' ') ? 1 : 0), 1 << 16);
  }
  const prism::gateway::ResourceRoutes routes;
  const prism::rpc::ResourceRoute* route = routes.Find(target);
  if (route == nullptr) return 0;

  const prism::rpc::ResourceRequest request{
      .method = method, .target = target, .body = text, .headers = headers};
  RecordedReply reply;
  std::string message;
  const auto call = route->ToCall(request, message, reply);
  RequireHeaders(reply);
  if (!call) {
    RequireRefusal(*route, call.error());
    return 0;
  }
  google::protobuf::Arena arena;
  Require(call->method->new_request(&arena)->ParseFromString(message));
  const auto parsed = prism::gateway::ParseKeyValueTarget(target);
  Require(parsed.has_value());
  if (parsed->key) RequireSameKey(*parsed);

  google::protobuf::Message* response = call->method->new_response(&arena);
  FillAnswer(all, *response);
  const prism::Status answered = call->to_reply(request, *response, reply);
  RequireHeaders(reply);
  if (!answered) {
    RequireRefusal(*route, answered.error());
    Require(reply.body.empty() && reply.status == "200");
  }
  return 0;
}
