// Calls through the whole gateway, on real shards, with a fake backend.
#include "gateway/gateway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <span>
#include <thread>

#include "gateway/testing/gateway_test_base.h"

namespace prism::gateway {
namespace {

using testing::FakeBackend;
using testing::FakeCall;
using testing::GatewayTest;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Tokens;
namespace kv = ::prism::keyvalue::v1;

constexpr std::string_view kConfig = R"(
backends:
  main: {type: etcd}
  other: {type: redis, connection: "redis://h"}
namespaces:
  - {name: orders, backend: main}
  - {name: limited, backend: main, rate_limit_rps: 2, max_in_flight: 1, default_timeout: 5s}
  - {name: secret, backend: main}
  - {name: broken, backend: main}
  - {name: remote, backend: other}
  - {name: patterned, backend: main, pattern: multicast-registry}
  - {name: asleep, backend: main, status: disabled}
  - {name: moving, backend: main, status: migrating}
  - {name: queued, backend: main, pattern: queue}
)";

TEST_F(GatewayTest, AnswersACallOnItsNamespace) {
  Start(kConfig);
  auto call = GetCall("orders");
  EXPECT_EQ(Serve(call), "OK");
  kv::GetResponse response;
  ASSERT_TRUE(response.ParseFromString(call->response));
  EXPECT_EQ(response.value(), "orders");
  EXPECT_EQ(call->context().ns, "orders");
  EXPECT_GT(call->context().now, 1'600'000'000'000);
  EXPECT_TRUE(call->headers.empty());  // nothing that nobody asked for
}

TEST_F(GatewayTest, NamesTheDurabilityOfWritesOnly) {
  Start(kConfig);
  auto write = SetCall("orders");
  EXPECT_EQ(Serve(write), "OK");
  EXPECT_EQ(write->headers["prism-durability"], "accepted");
  auto read = GetCall("orders");
  EXPECT_EQ(Serve(read), "OK");
  EXPECT_FALSE(read->headers.contains("prism-durability"));
}

TEST_F(GatewayTest, ChecksTheDemandedDurabilityBeforeItExecutes) {
  Start(kConfig);
  for (const auto& [level, reason] :
       std::map<std::string, std::string>{{"memory", "OK"},
                                          {"accepted", "OK"},
                                          {"fsynced", "DURABILITY_UNAVAILABLE"},
                                          {"replicated", "DURABILITY_UNAVAILABLE"},
                                          {"eternal", "BAD_DURABILITY"}}) {
    auto call = SetCall("orders");
    call->request_headers["prism-min-durability"] = level;
    const int before = backend_->opened;
    EXPECT_EQ(Serve(call), reason) << level;
    EXPECT_EQ(backend_->opened, before);
  }
  const auto sample = Sample();
  const auto& route = methods_.RouteOf(*gateway_->Find("/prism.keyvalue.v1.KeyValueBasic/Set"));
  const auto& metrics = sample.methods[route.ordinal];
  EXPECT_EQ(metrics.by_code[0], 2u);
  EXPECT_EQ(metrics.by_code[static_cast<std::size_t>(Code::kFailedPrecondition)], 2u);
}

TEST_F(GatewayTest, SuggestsANearNamespace) {
  Start(kConfig);
  auto call = GetCall("odrers");
  EXPECT_EQ(Serve(call), "NAMESPACE_NOT_FOUND");
  EXPECT_EQ(call->error->code(), Code::kNotFound);
  EXPECT_THAT(call->error->message(), HasSubstr("did you mean \"orders\"?"));
  auto far = GetCall("quite-another-name");
  EXPECT_EQ(Serve(far), "NAMESPACE_NOT_FOUND");
  EXPECT_EQ(far->error->message().find("did you mean"), std::string::npos);
  EXPECT_EQ(Serve(GetCall("")), "NAMESPACE_REQUIRED");
}

TEST_F(GatewayTest, DoesNotTellWhoMayNotKnow) {
  Start(kConfig);
  EXPECT_EQ(Serve(GetCall("secret")), "ACCESS_DENIED");
  auto near = GetCall("secre");
  EXPECT_EQ(Serve(near), "NAMESPACE_NOT_FOUND");
  EXPECT_EQ(near->error->message().find("secret"), std::string::npos);
  auto ann = GetCall("secret");
  ann->identity = "x509:CN=ann";
  EXPECT_EQ(Serve(ann), "OK");
}

// A guard that asks who calls: the bearer of the token is "ci" and may read "orders", which Ann
// owns.
std::shared_ptr<const security::Guard> AskingGuard(const std::string& token, bool revoked = false,
                                                   std::optional<WallMillis> expires_at = {}) {
  security::TokenTable::Row row;
  row.info.id = security::ParseToken(token)->id;
  row.info.principal = "ci";
  row.info.scope = *security::TokenScope::Parse("*:admin");
  if (revoked) row.info.revoked_at = 1;
  row.info.expires_at = expires_at;
  row.hash = security::HashSecret(security::ParseToken(token)->secret);
  const security::NamespaceAccess orders{.owner = "x509:CN=ann", .read = {"ci"}};
  const std::array<security::AccessTable::Entry, 1> entries = {{{"orders", &orders}}};
  return std::make_shared<const security::Guard>(
      std::make_shared<const security::Authenticator>(security::Authenticator::Options{},
                                                      Tokens({row})),
      std::make_shared<const security::AccessTable>(std::span<const std::string>(), entries));
}

TEST_F(GatewayTest, KnowsCallersByWhatTheyShow) {
  const std::string token = *security::NewTokenText();
  guard_ = AskingGuard(token);
  Start(kConfig);
  auto nobody = GetCall("orders");
  EXPECT_EQ(Serve(nobody), "CREDENTIALS_REQUIRED");
  EXPECT_EQ(nobody->error->code(), Code::kUnauthenticated);

  const auto with_token = [&](std::unique_ptr<FakeCall> call) {
    call->request_headers["authorization"] = "Bearer " + token;
    return call;
  };
  auto reader = with_token(GetCall("orders"));
  EXPECT_EQ(Serve(reader), "OK");
  EXPECT_EQ(reader->context().principal, "ci");
  EXPECT_EQ(Serve(with_token(SetCall("orders"))), "ACCESS_DENIED");
  // The same whether it is there or not.
  EXPECT_EQ(Serve(with_token(GetCall("secret"))), "ACCESS_DENIED");
  EXPECT_EQ(Serve(with_token(GetCall("not-there"))), "ACCESS_DENIED");

  auto ann = SetCall("orders");
  ann->identity = "x509:CN=ann";
  EXPECT_EQ(Serve(ann), "OK");
  EXPECT_EQ(ann->context().principal, "x509:CN=ann");

  auto twice = with_token(GetCall("orders"));
  twice->all_headers.Append("authorization", "Bearer one");
  twice->all_headers.Append("authorization", "Bearer two");
  EXPECT_EQ(Serve(twice), "AUTHORIZATION_AMBIGUOUS");
}

TEST_F(GatewayTest, JudgesByTheNewestGuard) {
  const std::string token = *security::NewTokenText();
  guard_ = AskingGuard(token);
  Start(kConfig);
  const auto serve = [&] {
    auto call = GetCall("orders");
    call->request_headers["authorization"] = "Bearer " + token;
    const std::string reason = Serve(call);
    if (call->error) {
      EXPECT_THAT(call->error->ToString(), Not(HasSubstr(security::ParseToken(token)->secret)));
    }
    return reason;
  };
  EXPECT_EQ(serve(), "OK");
  gateway_->UseGuard(AskingGuard(token, true));
  EXPECT_EQ(serve(), "TOKEN_REVOKED");
  for (const std::string& line : lines_) {
    EXPECT_THAT(line, Not(HasSubstr(security::ParseToken(token)->secret)));
  }
}

TEST_F(GatewayTest, AStreamEndsWhenItsTokenHasExpired) {
  const std::string token = *security::NewTokenText();
  guard_ = AskingGuard(token);
  Start(kConfig);
  kv::ScanRequest request;
  request.set_namespace_("orders");
  request.set_limit(2);
  auto call = Prepare("/prism.keyvalue.v1.KeyValueScan/Scan", request);
  call->request_headers["authorization"] = "Bearer " + token;
  Begin(*call);
  const WallMillis expiry = call->context().now + 1;  // it had not when the call began
  while (clock_.Now() < expiry) std::this_thread::yield();
  gateway_->UseGuard(AskingGuard(token, false, expiry));
  EXPECT_EQ(Reason(*call), "TOKEN_EXPIRED");
}

TEST_F(GatewayTest, AStreamEndsWhenItsCallerMayNoMore) {
  const std::string token = *security::NewTokenText();
  guard_ = AskingGuard(token);
  Start(kConfig);
  const auto scan = [&](bool by_token) {
    kv::ScanRequest request;
    request.set_namespace_("orders");
    request.set_limit(2);
    auto call = Prepare("/prism.keyvalue.v1.KeyValueScan/Scan", request);
    if (by_token) call->request_headers["authorization"] = "Bearer " + token;
    if (!by_token) call->identity = "x509:CN=ann";
    Begin(*call);
    return call;
  };
  const auto bearers = scan(true);
  const auto anns = scan(false);
  gateway_->UseGuard(AskingGuard(token));  // nothing has changed
  EXPECT_EQ(bearers->ends, 0);
  gateway_->UseGuard(AskingGuard(token, true));
  EXPECT_EQ(Reason(*bearers), "TOKEN_REVOKED");
  EXPECT_EQ(bearers->error->code(), Code::kUnauthenticated);
  EXPECT_EQ(anns->ends, 0);
  const auto lists = std::make_shared<const security::AccessTable>(
      std::span<const std::string>(), std::span<const security::AccessTable::Entry>());
  gateway_->UseGuard(
      std::make_shared<const security::Guard>(std::make_shared<const security::Authenticator>(
                                                  security::Authenticator::Options{}, Tokens({})),
                                              lists));
  EXPECT_EQ(Reason(*anns), "ACCESS_DENIED");
  EXPECT_EQ(anns->error->code(), Code::kPermissionDenied);
}

TEST_F(GatewayTest, SaysWhichBackendHasAMissingInterface) {
  Start(kConfig);
  kv::CompareAndSwapRequest cas;
  cas.set_namespace_("orders");
  auto call = Prepare("/prism.keyvalue.v1.KeyValueCas/CompareAndSwap", cas);
  EXPECT_EQ(Serve(call), "INTERFACE_NOT_BOUND");
  EXPECT_EQ(call->error->code(), Code::kUnimplemented);
  EXPECT_THAT(call->error->message(), HasSubstr("backend \"main\" (etcd)"));
  EXPECT_THAT(call->error->message(), HasSubstr("no configured backend has it"));
  auto by_pattern = GetCall("queued");
  EXPECT_EQ(Serve(by_pattern), "INTERFACE_NOT_BOUND");
  EXPECT_THAT(by_pattern->error->message(), HasSubstr("its pattern \"queue\" leaves it out"));
}

TEST_F(GatewayTest, AnswersTheReasonOfANamespaceThatCantBeServed) {
  Start(kConfig);
  EXPECT_EQ(Serve(GetCall("broken")), "FILE_DAMAGED");
  ASSERT_EQ(lines_.size(), 1u);  // the fault is ours
  EXPECT_THAT(lines_[0], HasSubstr("call failed method=keyvalue_basic.get namespace=broken"));
  EXPECT_EQ(Serve(GetCall("remote")), "DRIVER_NOT_INSTALLED");
  EXPECT_EQ(Serve(GetCall("patterned")), "PATTERN_NOT_INSTALLED");
  EXPECT_EQ(Serve(GetCall("asleep")), "NAMESPACE_DISABLED");
  EXPECT_EQ(Serve(GetCall("moving")), "OK");
  EXPECT_EQ(Serve(GetCall("orders")), "OK");
  EXPECT_EQ(lines_.size(), 1u);
}

TEST_F(GatewayTest, RefusesWhatIsNoMessage) {
  Start(kConfig);
  auto call = GetCall("orders");
  call->request_text = "\x0a\x05orde";
  EXPECT_EQ(Serve(call), "MALFORMED_MESSAGE");
  auto text = GetCall("orders");
  text->request_text = std::string("\x0a\x06orders\x12\x02\xC3\x28", 12);  // a key that is no UTF-8
  EXPECT_EQ(Serve(text), "MALFORMED_MESSAGE");
}

TEST_F(GatewayTest, LimitsTheRateOfANamespace) {
  Start(kConfig);
  EXPECT_EQ(Serve(GetCall("limited")), "OK");
  EXPECT_EQ(Serve(GetCall("limited")), "OK");
  auto third = GetCall("limited");
  EXPECT_EQ(Serve(third), "RATE_LIMITED");
  EXPECT_EQ(third->error->code(), Code::kResourceExhausted);
  ASSERT_TRUE(third->error->retry_after());
  EXPECT_GT(third->error->retry_after()->count(), 0);
  EXPECT_LE(third->error->retry_after()->count(), 501);
  EXPECT_EQ(Sample().rejected[static_cast<std::size_t>(Rejection::kRate)], 1u);
}

TEST_F(GatewayTest, BoundsTheCallsInFlight) {
  Start(kConfig);
  auto waiting = GetCall("limited", "wait");
  Begin(*waiting);
  EXPECT_EQ(waiting->ends, 0);
  auto second = GetCall("limited");
  EXPECT_EQ(Serve(second), "OVERLOADED");
  EXPECT_EQ(second->error->code(), Code::kUnavailable);
  EXPECT_TRUE(second->error->retry_after());
  EXPECT_EQ(Sample().in_flight, 1u);
  Cancel(*waiting, runtime::CancelReason::kClientGone);
  EXPECT_EQ(Reason(*waiting), "CANCELLED");
  EXPECT_EQ(Sample().in_flight, 0u);
}

TEST_F(GatewayTest, GivesEveryUnaryCallADeadline) {
  Start(kConfig);
  auto none = GetCall("limited");
  const MonoNanos before = MonotonicNow();
  EXPECT_EQ(Serve(none), "OK");
  ASSERT_TRUE(none->deadline_set);
  EXPECT_NEAR(static_cast<double>(*none->deadline_set - before), 5e9, 1e9);

  auto own = GetCall("orders");
  own->context().deadline = MonotonicNow() + kNanosPerSecond;
  EXPECT_EQ(Serve(own), "OK");
  EXPECT_FALSE(own->deadline_set);

  auto passed = SetCall("orders");
  passed->context().deadline = 1;
  EXPECT_EQ(Serve(passed), "DEADLINE_EXCEEDED");
  EXPECT_THAT(passed->error->message(), HasSubstr("nothing was done"));
}

TEST_F(GatewayTest, SaysWhyACallWasCancelled) {
  Start(kConfig);
  auto late = GetCall("orders", "wait");
  Begin(*late);
  Cancel(*late, runtime::CancelReason::kDeadline);
  EXPECT_EQ(Reason(*late), "DEADLINE_EXCEEDED");
  EXPECT_THAT(late->error->message(), HasSubstr("unknown"));
  auto stopped = GetCall("orders", "wait");
  Begin(*stopped);
  Cancel(*stopped, runtime::CancelReason::kShutdown);
  EXPECT_EQ(Reason(*stopped), "SHUTTING_DOWN");
}

TEST_F(GatewayTest, RemembersWhatWasSlow) {
  Start(kConfig, {.queue_delay = {}, .slow_threshold = kNanosPerSecond});
  EXPECT_EQ(Serve(GetCall("orders")), "OK");
  auto slow = GetCall("orders");
  slow->context().arrival -= 2 * kNanosPerSecond;
  slow->call_account = {.bytes_in = 7, .bytes_out = 9};
  EXPECT_EQ(Serve(slow), "OK");
  auto late = GetCall("nowhere");
  late->context().arrival -= 3 * kNanosPerSecond;
  EXPECT_EQ(Serve(late), "NAMESPACE_NOT_FOUND");

  SlowSample sample;
  OnShard([this, &sample] { sample = gateway_->SlowRequests(0); });
  EXPECT_EQ(sample.threshold, kNanosPerSecond);
  EXPECT_EQ(Sample().slow, 2u);
  ASSERT_EQ(sample.kept.size(), 2u);
  const SlowRequest& first = sample.kept[0];
  EXPECT_GE(first.duration, 2 * kNanosPerSecond);
  EXPECT_EQ(first.method, "keyvalue_basic.get");
  EXPECT_EQ(first.ns, "orders");
  EXPECT_EQ(first.code, Code::kOk);
  EXPECT_EQ(first.request_id, "a-request");
  EXPECT_EQ(first.bytes_in, 7u);
  EXPECT_EQ(first.bytes_out, 9u);
  EXPECT_GT(first.time, 0);
  EXPECT_EQ(sample.kept[1].code, Code::kNotFound);
  EXPECT_EQ(sample.kept[1].reason, "NAMESPACE_NOT_FOUND");
  ASSERT_EQ(lines_.size(), 2u);
  EXPECT_THAT(lines_[0], HasSubstr("slow request method=keyvalue_basic.get namespace=orders"));

  gateway_->SetSlowThreshold(0);
  auto unnoticed = GetCall("orders");
  unnoticed->context().arrival -= 2 * kNanosPerSecond;
  EXPECT_EQ(Serve(unnoticed), "OK");
  EXPECT_EQ(Sample().slow, 2u);
}

TEST_F(GatewayTest, CountsByProtocolAndWhatIsRefused) {
  Start(kConfig);
  EXPECT_EQ(Serve(GetCall("orders")), "OK");
  auto refused = GetCall("orders");
  OnShard([this, &refused] {
    gateway_->OnRefused(nullptr, *refused, Error(Code::kNotFound, "ROUTE_NOT_FOUND", "no"));
  });
  const ProtocolMetrics protocols = Sample().protocols;
  const auto connect = static_cast<std::size_t>(rpc::Protocol::kConnect);
  EXPECT_EQ(protocols.requests[connect], 1u);
  EXPECT_EQ(protocols.refused[connect][static_cast<std::size_t>(Code::kNotFound)], 1u);
}

TEST_F(GatewayTest, StreamsFromTheProvider) {
  Start(kConfig);
  kv::ScanRequest request;
  request.set_namespace_("orders");
  auto call = Prepare("/prism.keyvalue.v1.KeyValueScan/Scan", request);
  EXPECT_EQ(Serve(call), "OK");
  EXPECT_EQ(call->written.size(), 1u);
  EXPECT_FALSE(call->deadline_set);
}

TEST_F(GatewayTest, CountsByMethodAndNamespace) {
  Start(kConfig);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Serve(GetCall("orders")), "OK");
  kv::DeleteRequest request;
  request.set_namespace_("orders");
  EXPECT_EQ(Serve(Prepare("/prism.keyvalue.v1.KeyValueBasic/Delete", request)), "VERSION_MISMATCH");
  const ShardSample sample = Sample();
  ASSERT_EQ(sample.namespaces.size(), 1u);
  EXPECT_EQ(sample.namespaces[0].first, "orders");
  EXPECT_EQ(sample.namespaces[0].second.requests, 4u);
  EXPECT_EQ(sample.namespaces[0].second.errors, 1u);

  GatewayMetrics metrics(methods_);
  telemetry::PrometheusText text;
  metrics.Write({&sample, 1}, text);
  const std::string out = std::move(text).Take();
  EXPECT_THAT(out,
              HasSubstr("prism_requests_total{model=\"keyvalue\",method=\"keyvalue_basic.get\","
                        "code=\"OK\"} 3\n"));
  EXPECT_THAT(out, HasSubstr("method=\"keyvalue_basic.delete\",code=\"ABORTED\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("prism_namespace_requests_total{namespace=\"orders\"} 4\n"));
  EXPECT_THAT(out, HasSubstr("prism_request_duration_seconds_count{model=\"keyvalue\","
                             "method=\"keyvalue_basic.get\"} 3\n"));
}

// A turn that is busy for five times the target before it comes to its calls.
class OverloadTest : public GatewayTest {
 protected:
  OverloadTest() { Start(kConfig, {.queue_delay = {.target = kTarget, .interval = 10 * kTarget}}); }

  std::vector<std::unique_ptr<FakeCall>> SlowTurn(std::size_t count) {
    std::vector<std::unique_ptr<FakeCall>> calls;
    while (calls.size() < count) calls.push_back(GetCall("orders"));
    OnShard([this, &calls] {
      const MonoNanos until = MonotonicNow() + 5 * kTarget;
      while (MonotonicNow() < until) {
      }
      for (auto& call : calls) groups_[0]->Spawn(gateway_->Serve(*call));
    });
    return calls;
  }
  std::uint64_t shed() {
    return Sample().rejected[static_cast<std::size_t>(Rejection::kQueueDelay)];
  }

  static constexpr MonoNanos kTarget = kNanosPerMilli;
};

TEST_F(OverloadTest, ShedsWhatWaitedInAStandingQueue) {
  const MonoNanos end = MonotonicNow() + 10 * kNanosPerSecond;
  std::vector<std::unique_ptr<FakeCall>> calls;
  while (shed() == 0 && MonotonicNow() < end) calls = SlowTurn(2 * QueueDelay::kFewCalls);
  FakeCall& last = *calls.back();
  EXPECT_EQ(Reason(last), "OVERLOADED");
  EXPECT_TRUE(last.error->retry_after());
}

TEST_F(OverloadTest, ShedsNoClientThatWaitsForEachAnswer) {
  for (int turn = 0; turn < 20; ++turn) EXPECT_EQ(Reason(*SlowTurn(1).front()), "OK");
  EXPECT_EQ(shed(), 0u);
}

// --- reloading ---

TEST_F(GatewayTest, KeepsWhatIsUnchangedAndReopensTheRest) {
  Start(kConfig);
  EXPECT_EQ(Serve(GetCall("orders")), "OK");
  const int opened = backend_->opened;
  Publish(kConfig);
  EXPECT_EQ(backend_->opened, opened);
  EXPECT_EQ(Serve(GetCall("orders")), "OK");
  EXPECT_EQ(Sample().namespaces[0].second.requests, 2u);

  std::string changed(kConfig);
  changed.replace(changed.find("name: orders"), 12, "max_keys: 5, name: orders");
  Publish(changed);
  EXPECT_EQ(backend_->opened, opened + 1);
  EXPECT_EQ(Serve(GetCall("orders")), "OK");
  EXPECT_EQ(Sample().namespaces[0].second.requests, 3u);  // counters go on
}

TEST_F(GatewayTest, ARemovedNamespaceIsGoneAndItsObjectsFollow) {
  Start("backends: {main: {type: etcd}}\nnamespaces: [{name: a, backend: main}]\n");
  EXPECT_EQ(Serve(GetCall("a")), "OK");
  EXPECT_EQ(backend_->alive, 1);
  Publish("backends: {main: {type: etcd}}\nnamespaces: []\n");
  EXPECT_EQ(Serve(GetCall("a")), "NAMESPACE_NOT_FOUND");
  EXPECT_EQ(Sample().removed.requests, 1u);
  EXPECT_EQ(binder_.Sweep(), 0u);
  EXPECT_EQ(backend_->alive, 0);
}

TEST_F(GatewayTest, ACallInFlightEndsOnTheOldConfiguration) {
  Start("backends: {main: {type: etcd}}\nnamespaces: [{name: a, backend: main}]\n");
  auto waiting = GetCall("a", "wait");
  Begin(*waiting);
  Publish("backends: {main: {type: etcd}}\nnamespaces: []\n");
  EXPECT_EQ(waiting->ends, 0);
  EXPECT_EQ(binder_.Sweep(), 1u);
  EXPECT_EQ(backend_->alive, 1);  // still in use
  Cancel(*waiting, runtime::CancelReason::kClientGone);
  EXPECT_EQ(waiting->ends, 1);
  EXPECT_EQ(binder_.Sweep(), 0u);
  EXPECT_EQ(backend_->alive, 0);
}

TEST_F(GatewayTest, AStreamOnAChangedNamespaceEndsAfterTheGrace) {
  Start("backends: {main: {type: etcd}}\nnamespaces: [{name: a, backend: main}]\n",
        {.queue_delay = {}, .rebind_grace = 20 * kNanosPerMilli});
  kv::ScanRequest request;
  request.set_namespace_("a");
  request.set_limit(2);
  auto stream = Prepare("/prism.keyvalue.v1.KeyValueScan/Scan", request);
  auto unary = GetCall("a", "wait");
  Begin(*stream);
  Begin(*unary);
  Publish("backends: {main: {type: etcd}}\nnamespaces: [{name: a, backend: main, max_keys: 1}]\n");
  const MonoNanos end = MonotonicNow() + 10 * kNanosPerSecond;
  int ends = 0;
  while (ends == 0 && MonotonicNow() < end) OnShard([&] { ends = stream->ends; });
  EXPECT_EQ(Reason(*stream), "CONFIGURATION_CHANGED");
  EXPECT_EQ(stream->error->code(), Code::kUnavailable);
  OnShard([&] { ends = unary->ends; });
  EXPECT_EQ(ends, 0);  // a unary call has its own deadline
  Cancel(*unary, runtime::CancelReason::kClientGone);
  EXPECT_EQ(unary->ends, 1);
  EXPECT_EQ(binder_.Sweep(), 0u);
}

}  // namespace
}  // namespace prism::gateway
