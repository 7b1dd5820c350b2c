// Requests to the admin port from strangers: "METHOD target\nname: value\n...\n\nbody". What is
// understood is a call whose message has a form as JSON and comes back from it; what is not has a
// reason and a status.
#include <google/protobuf/arena.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "gateway/admin/admin_routes.h"
#include "gateway/admin/testing/shelf.prism.h"
#include "gateway/rest/testing/recorded_reply.h"
#include "prism/admin/v1/pages.prism.h"
#include "rpc/json/json_codec.h"

namespace {

using prism::gateway::testing::RecordedReply;

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string_view TakeUntil(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

void RequireRefusal(const prism::rpc::ResourceRoute& route, const prism::Error& error) {
  Require(!error.reason().empty() && !error.message().empty());
  Require(prism::base::IsValidUtf8(error.message()) && error.message().size() < 1000);
  const std::string_view status = route.StatusOf(error);
  Require(status.size() == 3 && status >= "400" && status < "600");
}

// A header that anybody could send on: no line end, nothing that is not ASCII.
void RequireHeaders(const RecordedReply& reply) {
  for (const auto& [name, value] : reply.headers) {
    Require(std::ranges::all_of(value, [](char c) { return c >= ' ' && c < 0x7f; }));
  }
}

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
