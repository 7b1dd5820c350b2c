// Requests to the admin port from strangers: "METHOD target\nname: value\n...\n\nbody". What is
// understood is a call whose message has a form as JSON and comes back from it; what is not has a
// reason and a status.
#include <google/protobuf/arena.h>
#include <google/protobuf/message.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/admin/admin_routes.h"
#include "gateway/admin/testing/shelf.prism.h"
#include "gateway/rest/testing/recorded_reply.h"
#include "prism/admin/v1/pages.prism.h"
#include "rpc/json/json_codec.h"
#include "tests/fuzz/route_checks.h"

namespace {

using prism::fuzz::Require;
using prism::fuzz::RequireHeaders;
using prism::fuzz::RequireRefusal;
using prism::fuzz::TakeUntil;
using prism::gateway::testing::RecordedReply;

void RequireJsonForm(const google::protobuf::Message& request) {
  std::string text;
  Require(prism::rpc::WriteJson(request, text).has_value());
  google::protobuf::Arena arena;
  google::protobuf::Message* again = request.New(&arena);
  Require(prism::rpc::ParseJson(text, *again).has_value());
  std::string rewritten;
  Require(prism::rpc::WriteJson(*again, rewritten).has_value() && rewritten == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array<const prism::contract::InterfaceInfo*, 2> kInterfaces = {
      &prism::shelf::v1::Shelf::kInterface, &prism::admin::v1::Pages::kInterface};
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view line = TakeUntil(text, '\n');
  const std::string_view method = TakeUntil(line, ' ');
  const std::string_view target = line;
  prism::rpc::RequestHeaders headers;
  for (line = TakeUntil(text, '\n'); !line.empty(); line = TakeUntil(text, '\n')) {
    const std::string_view name = TakeUntil(line, ':');
    headers.Add(name, line.substr(line.starts_with(' ') ? 1 : 0), 1 << 16);
  }
  const prism::gateway::AdminRoutes routes(kInterfaces);
  const prism::rpc::ResourceRoute* route = routes.Find(target);
  if (route == nullptr) return 0;

  const prism::rpc::ResourceRequest request{.method = method,
                                            .target = target,
                                            .body = text,
                                            .headers = headers,
                                            .json = headers.Find("content-type").empty()};
  RecordedReply reply;
  std::string message;
  const auto call = route->ToCall(request, message, reply);
  RequireHeaders(reply);
  if (!call) {
    RequireRefusal(*route, call.error());
    return 0;
  }
  google::protobuf::Arena arena;
  google::protobuf::Message* asked = call->method->new_request(&arena);
  Require(asked->ParseFromString(message));
  RequireJsonForm(*asked);
  google::protobuf::Message* response = call->method->new_response(&arena);
  Require(call->to_reply(request, *response, reply).has_value());
  return 0;
}
