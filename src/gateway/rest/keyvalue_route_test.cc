// What each request for a resource calls, and what its answers look like over HTTP.
#include "gateway/rest/keyvalue_route.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contract/all_interfaces.h"
#include "gateway/rest/resource_routes.h"
#include "gateway/rest/testing/recorded_reply.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"

namespace prism::gateway {
namespace {

namespace v1 = keyvalue::v1;
using testing::RecordedReply;

struct Request {
  std::string_view method;
  std::string_view target;
  std::vector<std::pair<std::string_view, std::string_view>> fields = {};
  std::string_view body = {};
};

// A request and what the route makes of it.
class Exchange {
 public:
  explicit Exchange(const Request& request)
      : request_{.method = request.method,
                 .target = request.target,
                 .body = request.body,
                 .headers = headers_} {
    for (const auto& [name, value] : request.fields) headers_.Add(name, value, 1 << 16);
    call = route.ToCall(request_, message, reply);
  }

  template <class Message>
  Message As() const {
    Message parsed;
    EXPECT_TRUE(parsed.ParseFromString(message));
    return parsed;
  }
  std::string_view called() const { return call ? call->method->label : "(refused)"; }
  std::string_view reason() const { return call ? "(none)" : call.error().reason(); }
  std::string_view status() const { return call ? "(none)" : route.StatusOf(call.error()); }
  Status Answer(const google::protobuf::Message& response) {
    return call->to_reply(request_, response, reply);
  }

  KeyValueRoute route;
  RecordedReply reply;
  std::string message;
  Result<rpc::ResourceCall> call = std::unexpected(Error(Code::kUnknown, "", ""));

 private:
  rpc::RequestHeaders headers_;
  rpc::ResourceRequest request_;
};

constexpr std::string_view kKey = "/v1/ns/keyvalue/a%20b";
constexpr std::string_view kList = "/v1/ns/keyvalue";

TEST(KeyValueRouteTest, CallsWhatTheRequestMeans) {
  struct Case {
    Request request;
    std::string_view label;
  };
  const std::vector<Case> cases = {
      {{"GET", kKey}, "keyvalue_basic.get"},
      {{"HEAD", kKey}, "keyvalue_basic.get"},
      {{"HEAD", kKey, {{"range", "bytes=0-1"}}}, "keyvalue_basic.get"},
      {{"PUT", kKey}, "keyvalue_basic.set"},
      {{"PUT", kKey, {{"if-match", "\"v\""}}}, "keyvalue_cas.compare_and_swap"},
      {{"PUT", kKey, {{"if-none-match", "*"}}}, "keyvalue_cas.compare_and_swap"},
      {{"DELETE", kKey}, "keyvalue_basic.delete"},
      {{"DELETE", kKey, {{"if-match", "\"v\""}}}, "keyvalue_cas.compare_and_delete"},
      {{"GET", kList}, "keyvalue_scan.scan"},
      {{"HEAD", kList}, "keyvalue_scan.scan"},
  };
  for (const auto& [request, label] : cases) {
    const Exchange exchange(request);
    EXPECT_EQ(exchange.called(), label) << request.method << ' ' << request.target;
  }
}

// The routes that the contract promises are those that are there: "VERB template" of both sides.
TEST(KeyValueRouteTest, IsWhatTheContractSays) {
  std::set<std::string> promised;
  for (const contract::InterfaceInfo* interface : contract::AllInterfaces()) {
    for (const contract::MethodInfo& method : interface->methods) {
      if (interface->model == "keyvalue" && !method.rest.empty()) promised.emplace(method.rest);
    }
  }
  std::set<std::string> served;
  for (const std::string_view pattern :
       {"/v1/{namespace}/keyvalue", "/v1/{namespace}/keyvalue/{key}"}) {
    std::string target(pattern);
    target.replace(target.find("{namespace}"), 11, "ns");
    if (target.ends_with("{key}")) target.replace(target.size() - 5, 5, "k");
    ASSERT_NE(ResourceRoutes().Find(target), nullptr);
    for (const std::string_view verb : {"GET", "PUT", "POST", "PATCH", "DELETE"}) {
      const Exchange exchange({verb, target});
      if (!exchange.call) continue;
      const std::string route = std::string(verb) + ' ' + std::string(pattern);
      EXPECT_EQ(exchange.call->method->rest, route);
      served.insert(route);
    }
  }
  EXPECT_EQ(served, promised);
}

TEST(KeyValueRouteTest, WritesWhatTheRequestCarries) {
  const std::string value("\0\xff\r\n", 4);
  const Exchange exchange({"PUT",
                           kKey,
                           {{"prism-ttl", "1m30s250ms"},
                            {"prism-tag", "device=phone, owner=Ada Lovelace,"},
                            {"prism-tag", "a%2Cb=%3D%C3%BC"},
                            {"idempotency-key", "\"7f3a\""},
                            {"content-encoding", "Identity"},
                            {"content-type", "text/plain"}},
                           value});
  ASSERT_EQ(exchange.called(), "keyvalue_basic.set") << exchange.reason();
  const auto set = exchange.As<v1::SetRequest>();
  EXPECT_EQ(set.namespace_(), "ns");
  EXPECT_EQ(set.key(), "a b");
  EXPECT_EQ(set.value(), value);
  EXPECT_EQ(set.ttl().seconds(), 90);
  EXPECT_EQ(set.ttl().nanos(), 250'000'000);
  EXPECT_EQ(set.request_id(), "7f3a");
  EXPECT_EQ(set.tags_size(), 3);
  EXPECT_EQ(set.tags().at("device"), "phone");
  EXPECT_EQ(set.tags().at("owner"), "Ada Lovelace");
  EXPECT_EQ(set.tags().at("a,b"), "=ü");
}

TEST(KeyValueRouteTest, WritesUnderConditions) {
  const auto swap = Exchange({"PUT", kKey, {{"if-match", "\"v%201\""}, {"prism-ttl", "5s"}}, "x"})
                        .As<v1::CompareAndSwapRequest>();
  EXPECT_EQ(swap.expect().version(), "v 1");
  EXPECT_EQ(swap.value(), "x");
  EXPECT_EQ(swap.ttl().seconds(), 5);
  const auto create =
      Exchange({"PUT", kKey, {{"if-none-match", "*"}}, ""}).As<v1::CompareAndSwapRequest>();
  EXPECT_TRUE(create.expect().absent());
  EXPECT_EQ(create.value(), "");
  const auto remove = Exchange({"DELETE", kKey, {{"if-match", "\"v\""}, {"idempotency-key", "1"}}})
                          .As<v1::CompareAndDeleteRequest>();
  EXPECT_EQ(remove.expect().version(), "v");
  EXPECT_EQ(remove.request_id(), "1");
}

TEST(KeyValueRouteTest, ListsAndLooksAtListsCheaply) {
  const Exchange get({"GET", "/v1/ns/keyvalue?prefix=p&limit=7&page_token=t"});
  const auto scan = get.As<v1::ScanRequest>();
  EXPECT_EQ(scan.prefix(), "p");
  EXPECT_EQ(scan.limit(), 7);
  EXPECT_EQ(scan.page_token(), "t");
  EXPECT_FALSE(scan.keys_only());
  EXPECT_EQ(get.call->content_type, "application/x-ndjson");
  const auto head = Exchange({"HEAD", "/v1/ns/keyvalue?limit=7"}).As<v1::ScanRequest>();
  EXPECT_EQ(head.limit(), 1);
  EXPECT_TRUE(head.keys_only());
}

TEST(KeyValueRouteTest, RefusesWithAReasonAndAStatus) {
  struct Case {
    Request request;
    std::string_view reason;
    std::string_view status;
  };
  const std::vector<Case> cases = {
      {{"POST", kKey}, "HTTP_METHOD_UNSUPPORTED", "405"},
      {{"PATCH", kKey}, "HTTP_METHOD_UNSUPPORTED", "405"},
      {{"OPTIONS", kKey}, "HTTP_METHOD_UNSUPPORTED", "405"},
      {{"", kKey}, "HTTP_METHOD_UNSUPPORTED", "405"},
      {{"PUT", kList}, "HTTP_METHOD_UNSUPPORTED", "405"},
      {{"DELETE", "/v1/ns/keyvalue?prefix=a"}, "HTTP_METHOD_UNSUPPORTED", "405"},
      {{"GET", "/v1/ns/keyvalue/a/b"}, "KEY_PATH_AMBIGUOUS", "400"},
      {{"GET", kKey, {}, "body"}, "BODY_UNEXPECTED", "400"},
      {{"DELETE", kKey, {}, "body"}, "BODY_UNEXPECTED", "400"},
      {{"GET", kList, {}, "body"}, "BODY_UNEXPECTED", "400"},
      {{"GET", kKey, {{"range", "bytes=0-1"}}}, "RANGE_UNSUPPORTED", "416"},
      {{"GET", kKey, {{"if-match", "v"}}}, "ETAG_MALFORMED", "400"},
      {{"HEAD", kKey, {{"if-none-match", "v"}}}, "ETAG_MALFORMED", "400"},
      {{"PUT", kKey, {{"if-match", "v"}}}, "ETAG_MALFORMED", "400"},
      {{"PUT", kKey, {{"if-match", "*"}}}, "CONDITION_UNSUPPORTED", "501"},
      {{"PUT", kKey, {{"if-match", "W/\"v\""}}}, "VERSION_MISMATCH", "412"},
      {{"PUT", kKey, {{"content-encoding", "gzip"}}}, "COMPRESSION_UNSUPPORTED", "415"},
      {{"PUT", kKey, {{"content-range", "bytes 0-1/2"}}}, "CONTENT_RANGE_UNSUPPORTED", "400"},
      {{"PUT", kKey, {{"prism-ttl", "10"}}}, "BAD_DURATION", "400"},
      {{"PUT", kKey, {{"prism-ttl", ""}}}, "BAD_DURATION", "400"},
      {{"PUT", kKey, {{"prism-ttl", "1s"}, {"prism-ttl", "2s"}}}, "HEADER_REPEATED", "400"},
      {{"PUT", kKey, {{"prism-tag", "device"}}}, "TAG_MALFORMED", "400"},
      {{"PUT", kKey, {{"prism-tag", "a=1,,b=2"}}}, "TAG_MALFORMED", "400"},
      {{"PUT", kKey, {{"prism-tag", "a=1"}, {"prism-tag", "a=2"}}}, "TAG_REPEATED", "400"},
      {{"PUT", kKey, {{"prism-tag", "a=%"}}}, "PERCENT_ESCAPE_INVALID", "400"},
      {{"PUT", kKey, {{"prism-tag", "%FF=a"}}}, "MALFORMED_MESSAGE", "400"},
      {{"PUT", kKey, {{"idempotency-key", ""}}}, "IDEMPOTENCY_KEY_MALFORMED", "400"},
      {{"PUT", kKey, {{"idempotency-key", "\""}}}, "IDEMPOTENCY_KEY_MALFORMED", "400"},
      {{"PUT", kKey, {{"idempotency-key", "a b"}}}, "IDEMPOTENCY_KEY_MALFORMED", "400"},
      {{"DELETE", kKey, {{"idempotency-key", "\"\""}}}, "IDEMPOTENCY_KEY_MALFORMED", "400"},
      {{"DELETE", kKey, {{"if-none-match", "\"v\""}}}, "CONDITION_UNSUPPORTED", "501"},
  };
  for (const auto& [request, reason, status] : cases) {
    const Exchange exchange(request);
    EXPECT_EQ(exchange.reason(), reason) << request.method << ' ' << request.target;
    EXPECT_EQ(exchange.status(), status) << reason;
  }
  EXPECT_EQ(Exchange({"POST", kKey}).reply.Header("allow"), "GET, HEAD, PUT, DELETE");
  EXPECT_EQ(Exchange({"PUT", kList}).reply.Header("allow"), "GET, HEAD");
  EXPECT_EQ(Exchange({"PUT", kKey, {{"content-encoding", "br"}}}).reply.Header("accept-encoding"),
            "identity");
  EXPECT_EQ(Exchange({"GET", kKey, {{"range", "x"}}}).reply.Header("accept-ranges"), "none");
}

v1::GetResponse Found() {
  v1::GetResponse response;
  response.set_found(true);
  response.set_value("va\nlue");
  response.set_version("v1");
  response.mutable_expire_time()->set_seconds(1'790'000'000);
  response.mutable_expire_time()->set_nanos(250'000'000);
  (*response.mutable_tags())["owner"] = "Ada, \xC3\xBC";
  (*response.mutable_tags())["a"] = "1";
  return response;
}

TEST(KeyValueRouteTest, AnswersWithTheValueAndWhatIsKnownOfIt) {
  for (const std::string_view method : {"GET", "HEAD"}) {
    Exchange exchange({method, kKey});
    ASSERT_TRUE(exchange.Answer(Found()).has_value());
    EXPECT_EQ(exchange.reply.status, "200");
    EXPECT_EQ(exchange.reply.body, "va\nlue");
    EXPECT_EQ(exchange.reply.Header("etag"), "\"v1\"");
    EXPECT_EQ(exchange.reply.Header("prism-expire-time"), "2026-09-21T14:13:20.250Z");
    EXPECT_EQ(exchange.reply.Header("prism-tag"), "a=1\nowner=Ada%2C%20%C3%BC");
    EXPECT_EQ(exchange.reply.Header("accept-ranges"), "none");
    EXPECT_EQ(exchange.reply.Header("x-content-type-options"), "nosniff");
  }
}

TEST(KeyValueRouteTest, AnswersByTheConditionsOfReads) {
  struct Case {
    std::vector<std::pair<std::string_view, std::string_view>> fields;
    std::string_view status;
  };
  const std::vector<Case> cases = {
      {{{"if-none-match", "\"v1\""}}, "304"},
      {{{"if-none-match", "W/\"v1\""}}, "304"},
      {{{"if-none-match", "\"v0\", \"v1\""}}, "304"},
      {{{"if-none-match", "*"}}, "304"},
      {{{"if-none-match", "\"v0\""}}, "200"},
      {{{"if-match", "\"v1\""}}, "200"},
      {{{"if-match", "\"v0\",\"v1\""}}, "200"},
      {{{"if-match", "*"}}, "200"},
      {{{"if-match", "\"v0\""}}, "412"},
      {{{"if-match", "W/\"v1\""}}, "412"},
      {{{"if-match", "\"v1\""}, {"if-none-match", "\"v1\""}}, "304"},
      {{{"if-match", "\"v0\""}, {"if-none-match", "\"v1\""}}, "412"},
  };
  for (const auto& [fields, status] : cases) {
    Exchange exchange({"GET", kKey, fields});
    const Status answered = exchange.Answer(Found());
    EXPECT_EQ(answered ? exchange.reply.status : exchange.route.StatusOf(answered.error()), status)
        << fields[0].second;
    EXPECT_EQ(exchange.reply.body.empty(), status != "200");
    EXPECT_EQ(exchange.reply.Header("etag"), "\"v1\"");
  }
}

TEST(KeyValueRouteTest, AnswersThatNothingIsThereWhateverTheConditions) {
  for (const std::string_view name : {"if-match", "if-none-match", "x"}) {
    Exchange exchange({"GET", kKey, {{name, "*"}}});
    const Status answered = exchange.Answer(v1::GetResponse());
    ASSERT_FALSE(answered.has_value());
    EXPECT_EQ(answered.error().reason(), "KEY_NOT_FOUND");
    EXPECT_EQ(exchange.route.StatusOf(answered.error()), "404");
  }
}

TEST(KeyValueRouteTest, AnswersWritesWithTheNewETag) {
  v1::SetResponse set;
  set.set_version("v2");
  Exchange put({"PUT", kKey});
  ASSERT_TRUE(put.Answer(set).has_value());
  EXPECT_EQ(put.reply.status, "204");
  EXPECT_EQ(put.reply.Header("etag"), "\"v2\"");

  v1::CompareAndSwapResponse swapped;
  swapped.set_swapped(true);
  swapped.set_version("v3");
  Exchange replace({"PUT", kKey, {{"if-match", "\"v2\""}}});
  ASSERT_TRUE(replace.Answer(swapped).has_value());
  EXPECT_EQ(replace.reply.status, "204");
  EXPECT_EQ(replace.reply.Header("etag"), "\"v3\"");
  Exchange create({"PUT", kKey, {{"if-none-match", "*"}}});
  ASSERT_TRUE(create.Answer(swapped).has_value());
  EXPECT_EQ(create.reply.status, "201");
}

TEST(KeyValueRouteTest, AnswersLostRacesWithTheCurrentETag) {
  v1::CompareAndSwapResponse lost;
  lost.set_version("v9");
  Exchange put({"PUT", kKey, {{"if-match", "\"v2\""}}});
  const Status mismatch = put.Answer(lost);
  ASSERT_FALSE(mismatch.has_value());
  EXPECT_EQ(mismatch.error().reason(), "VERSION_MISMATCH");
  EXPECT_EQ(put.route.StatusOf(mismatch.error()), "412");
  EXPECT_EQ(put.reply.Header("etag"), "\"v9\"");
  EXPECT_EQ(put.reply.status, "200");  // left to the error

  Exchange absent({"PUT", kKey, {{"if-match", "\"v2\""}}});
  EXPECT_FALSE(absent.Answer(v1::CompareAndSwapResponse()).has_value());
  EXPECT_EQ(absent.reply.Header("etag"), "");

  v1::CompareAndDeleteResponse kept;
  kept.mutable_current()->set_version("v8");
  Exchange remove({"DELETE", kKey, {{"if-match", "\"v2\""}}});
  EXPECT_FALSE(remove.Answer(kept).has_value());
  EXPECT_EQ(remove.reply.Header("etag"), "\"v8\"");
}

TEST(KeyValueRouteTest, AnswersRemovalsAlike) {
  for (const bool existed : {true, false}) {
    v1::DeleteResponse response;
    response.set_existed(existed);
    Exchange exchange({"DELETE", kKey});
    ASSERT_TRUE(exchange.Answer(response).has_value());
    EXPECT_EQ(exchange.reply.status, "204");
    EXPECT_EQ(exchange.reply.Header("prism-existed"), existed ? "true" : "false");
  }
  v1::CompareAndDeleteResponse deleted;
  deleted.set_deleted(true);
  Exchange exchange({"DELETE", kKey, {{"if-match", "\"v\""}}});
  ASSERT_TRUE(exchange.Answer(deleted).has_value());
  EXPECT_EQ(exchange.reply.Header("prism-existed"), "true");
  for (const bool answered : {true, false}) {  // stores may see it either way
    deleted.set_deleted(answered);
    Exchange absent({"DELETE", kKey, {{"if-none-match", "*"}}});
    ASSERT_TRUE(absent.Answer(deleted).has_value());
    EXPECT_EQ(absent.reply.Header("prism-existed"), "false");
  }
  deleted.mutable_current()->set_version("v7");
  EXPECT_FALSE(Exchange({"DELETE", kKey, {{"if-none-match", "*"}}}).Answer(deleted).has_value());
}

TEST(KeyValueRouteTest, ListsOneLineForEachMessage) {
  Exchange exchange({"GET", kList});
  v1::ScanResponse step;
  step.mutable_entry()->set_key("a\nb");
  step.mutable_entry()->set_value("x");
  ASSERT_TRUE(exchange.Answer(step).has_value());
  step.mutable_checkpoint()->set_page_token("t");
  ASSERT_TRUE(exchange.Answer(step).has_value());
  EXPECT_EQ(exchange.reply.body,
            "{\"entry\":{\"key\":\"a\\nb\",\"value\":\"eA==\"}}\n"
            "{\"checkpoint\":{\"pageToken\":\"t\"}}\n");
}

TEST(ResourceStatusTest, HasAStatusForEveryError) {
  struct Case {
    Code code;
    std::string_view reason;
    std::string_view status;
  };
  const std::vector<Case> cases = {
      {Code::kInvalidArgument, "KEY_EMPTY", "400"},
      {Code::kFailedPrecondition, "DURABILITY_UNAVAILABLE", "400"},
      {Code::kUnauthenticated, "TOKEN_INVALID", "401"},
      {Code::kPermissionDenied, "ACCESS_DENIED", "403"},
      {Code::kNotFound, "NAMESPACE_NOT_FOUND", "404"},
      {Code::kAlreadyExists, "EXISTS", "409"},
      {Code::kAborted, "TRANSACTION_CONFLICT", "409"},
      {Code::kAborted, "VERSION_MISMATCH", "412"},
      {Code::kResourceExhausted, "VALUE_TOO_LARGE", "413"},
      {Code::kResourceExhausted, "MESSAGE_TOO_LARGE", "413"},
      {Code::kResourceExhausted, "RATE_LIMITED", "429"},
      {Code::kResourceExhausted, "HEADERS_TOO_LARGE", "431"},
      {Code::kResourceExhausted, "DISK_FULL", "507"},
      {Code::kInternal, "STORE_FAILED", "500"},
      {Code::kUnimplemented, "INTERFACE_NOT_BOUND", "501"},
      {Code::kUnavailable, "OVERLOADED", "503"},
      {Code::kDeadlineExceeded, "DEADLINE_EXCEEDED", "504"},
  };
  const KeyValueRoute route;
  for (const auto& [code, reason, status] : cases) {
    EXPECT_EQ(route.StatusOf(Error(code, reason, "")), status) << reason;
  }
}

}  // namespace
}  // namespace prism::gateway
