// What applications ask of a namespace, through the whole gateway.
#include "gateway/capabilities.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "gateway/session.h"
#include "gateway/testing/gateway_test_base.h"

namespace prism::gateway {
namespace {

namespace v1 = capability::v1;
using ::testing::ElementsAre;
using testing::FakeCall;
using ::testing::HasSubstr;

constexpr std::string_view kService = "/prism.capability.v1.CapabilityService/";

// A namespace with these features, on a configuration of its own.
std::string With(std::string_view features, std::string_view more = "") {
  return fmt::format(
      "backends:\n  main: {{type: etcd}}\nnamespaces:\n"
      "  - {{name: app, backend: main, features: {{{}}}{}}}\n"
      "  - {{name: other, backend: main}}\n"
      "  - {{name: secret, backend: main}}\n",
      features, more);
}

class CapabilitiesTest : public testing::GatewayTest {
 protected:
  std::unique_ptr<FakeCall> Features(std::string_view ns, std::int64_t index = 0,
                                     int wait_seconds = 0) {
    v1::GetFeaturesRequest request;
    request.set_namespace_(std::string(ns));
    request.set_index(index);
    request.mutable_wait()->set_seconds(wait_seconds);
    return Prepare(std::string(kService) + "GetFeatures", request);
  }
  std::unique_ptr<FakeCall> Watch(std::string_view ns) {
    v1::WatchFeaturesRequest request;
    request.set_namespace_(std::string(ns));
    return Prepare(std::string(kService) + "WatchFeatures", request);
  }
  std::unique_ptr<FakeCall> Get(std::string_view ns) {
    v1::GetRequest request;
    request.set_namespace_(std::string(ns));
    return Prepare(std::string(kService) + "Get", request);
  }

  static v1::GetFeaturesResponse Answer(const FakeCall& call) {
    v1::GetFeaturesResponse response;
    EXPECT_TRUE(response.ParseFromString(call.response));
    return response;
  }
  // The answers of a watch so far.
  std::vector<v1::WatchFeaturesResponse> Written(const FakeCall& call) {
    std::vector<v1::WatchFeaturesResponse> all;
    OnShard([&] {
      for (const auto& bytes : call.written) EXPECT_TRUE(all.emplace_back().ParseFromString(bytes));
    });
    return all;
  }
  // Until it holds on the shard.
  void Await(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    bool held = false;
    while (!held && std::chrono::steady_clock::now() < end) OnShard([&] { held = holds(); });
    EXPECT_TRUE(held);
  }
  void AwaitEnd(const FakeCall& call) {
    Await([&call] { return call.ends == 1; });
  }
  // Calls that wait must end before they are destroyed: made after them, in the test's scope.
  class AtEnd {
   public:
    explicit AtEnd(CapabilitiesTest& test) : test_(test) {}
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;
    ~AtEnd() {
      test_.tables_.Drain();
      test_.Await([this] { return test_.groups_[0]->running() == 0; });
    }

   private:
    CapabilitiesTest& test_;
  };
};

TEST_F(CapabilitiesTest, SaysWhatANamespaceIs) {
  Start(With("a: true",
             ", status: migrating, consistency: causal, rate_limit_rps: 70, max_in_flight: 9, "
             "default_timeout: 1500ms, max_value_bytes: 1000, max_bytes: 5000, max_keys: 6"));
  const auto call = Get("app");
  ASSERT_EQ(Serve(call), "OK");
  v1::GetResponse got;
  ASSERT_TRUE(got.ParseFromString(call->response));
  EXPECT_EQ(got.namespace_(), "app");
  EXPECT_EQ(got.api_version(), "v1");
  EXPECT_EQ(got.status(), v1::MIGRATING);
  EXPECT_THAT(got.interfaces(), ElementsAre("keyvalue_basic", "keyvalue_scan"));
  EXPECT_EQ(got.patterns_size(), 0);
  EXPECT_EQ(got.durability(), v1::ACCEPTED);
  EXPECT_EQ(got.consistency(), v1::CAUSAL);
  const v1::Limits& limits = got.limits();
  EXPECT_EQ(limits.max_value_bytes(), 1000u);
  EXPECT_EQ(limits.max_bytes(), 5000u);
  EXPECT_EQ(limits.max_keys(), 6u);
  EXPECT_EQ(limits.rate_limit_rps(), 70u);
  EXPECT_EQ(limits.max_in_flight(), 9u);
  EXPECT_EQ(limits.default_timeout().seconds(), 1);
  EXPECT_EQ(limits.default_timeout().nanos(), 500'000'000);
  EXPECT_EQ(limits.dedup_window().seconds(), 600);
  EXPECT_EQ(limits.dedup_max_entries(), 1'000'000u);
  EXPECT_EQ(limits.max_message_bytes(), 5u << 20);
}

TEST_F(CapabilitiesTest, OffersWhatThePatternLeaves) {
  Start(
      "backends:\n  main: {type: etcd}\nnamespaces:\n"
      "  - {name: app, backend: main, pattern: queue}\n");
  const auto call = Get("app");
  ASSERT_EQ(Serve(call), "OK");
  v1::GetResponse got;
  ASSERT_TRUE(got.ParseFromString(call->response));
  EXPECT_EQ(got.interfaces_size(), 0);
}

TEST_F(CapabilitiesTest, IsRefusedLikeEveryCall) {
  Start(With("", ", status: disabled, rate_limit_rps: 1"));
  for (const bool watches : {false, true}) {
    const auto make = [&](std::string_view ns) { return watches ? Watch(ns) : Get(ns); };
    EXPECT_EQ(Serve(make("app")), "NAMESPACE_DISABLED");
    EXPECT_EQ(Serve(make("secret")), "ACCESS_DENIED");
    EXPECT_EQ(Serve(make("absent")), "NAMESPACE_NOT_FOUND");
    EXPECT_EQ(Serve(make("")), "NAMESPACE_REQUIRED");
  }
  EXPECT_EQ(Serve(Features("app")), "NAMESPACE_DISABLED");
  EXPECT_EQ(Serve(Features("secret")), "ACCESS_DENIED");
  Publish(With("", ", rate_limit_rps: 1"));
  EXPECT_EQ(Serve(Features("app")), "OK");
  EXPECT_EQ(Serve(Features("app")), "RATE_LIMITED");
}

TEST_F(CapabilitiesTest, CountsItsCallsToTheNamespace) {
  Start(With(""));
  EXPECT_EQ(Serve(Get("app")), "OK");
  const ShardSample sample = Sample();
  ASSERT_EQ(sample.namespaces.size(), 1u);
  EXPECT_EQ(sample.namespaces[0].first, "app");
  EXPECT_EQ(sample.namespaces[0].second.requests, 1u);
}

TEST_F(CapabilitiesTest, AnswersTheFeatures) {
  Start(With("dark: true, beta: false"));
  const auto call = Features("app");
  ASSERT_EQ(Serve(call), "OK");
  const auto got = Answer(*call);
  EXPECT_GT(got.revision(), 0);
  EXPECT_EQ(got.features_size(), 2);
  EXPECT_TRUE(got.features().at("dark"));
  EXPECT_FALSE(got.features().at("beta"));
  EXPECT_FALSE(call->deadline_set) << "a long wait must not meet the default deadline";
}

TEST_F(CapabilitiesTest, RefusesAWaitThatIsTooLong) {
  Start(With(""));
  EXPECT_EQ(Serve(Features("app", 1, 601)), "WAIT_OUT_OF_RANGE");
  EXPECT_EQ(Serve(Features("app", 1, -1)), "WAIT_OUT_OF_RANGE");
  EXPECT_EQ(Serve(Features("app", 99, 600)), "OK") << "another revision: no wait";
}

TEST_F(CapabilitiesTest, WaitsForAnotherRevision) {
  Start(With("a: true"));
  const auto first = Features("app");
  ASSERT_EQ(Serve(first), "OK");
  const std::int64_t revision = Answer(*first).revision();

  const auto call = Features("app", revision, 600);
  Begin(*call);
  EXPECT_EQ(call->ends, 0);
  // What is not about the features wakes nobody.
  Publish(With("a: true", ", rate_limit_rps: 1000"));
  Publish(With("a: true", ", rate_limit_rps: 2000"));
  const auto same = Features("app");
  ASSERT_EQ(Serve(same), "OK");
  EXPECT_EQ(Answer(*same).revision(), revision);
  OnShard([&call] { EXPECT_EQ(call->ends, 0); });

  Publish(With("a: false", ", rate_limit_rps: 2000"));
  AwaitEnd(*call);
  ASSERT_FALSE(call->error);
  EXPECT_NE(Answer(*call).revision(), revision);
  EXPECT_FALSE(Answer(*call).features().at("a"));
}

TEST_F(CapabilitiesTest, AnswersWhatIsThereAfterTheWait) {
  Start(With("a: true"));
  const auto first = Features("app");
  ASSERT_EQ(Serve(first), "OK");
  v1::GetFeaturesRequest request;
  request.set_namespace_("app");
  request.set_index(Answer(*first).revision());
  request.mutable_wait()->set_nanos(5'000'000);
  const auto call = Prepare(std::string(kService) + "GetFeatures", request);
  Begin(*call);
  AwaitEnd(*call);
  ASSERT_FALSE(call->error);
  EXPECT_EQ(Answer(*call).revision(), request.index());
}

TEST_F(CapabilitiesTest, WatchesRealChangesOnly) {
  Start(With("a: true"));
  const auto watch = Watch("app");
  const AtEnd end(*this);
  Begin(*watch);
  ASSERT_EQ(Written(*watch).size(), 1u);
  Publish(With("a: true", ", max_in_flight: 5"));
  Publish(With("a: true, b: false", ", max_in_flight: 5"));
  Await([&] { return watch->written.size() == 2; });
  const auto written = Written(*watch);
  EXPECT_EQ(written[0].features_size(), 1);
  EXPECT_EQ(written[1].features_size(), 2);
  EXPECT_GT(written[1].revision(), written[0].revision());
  EXPECT_EQ(watch->ends, 0);
}

TEST_F(CapabilitiesTest, WaitsOutliveTheGraceAndHoldNothing) {
  ShardState::Options options;
  options.rebind_grace = kNanosPerMilli;
  Start(With("a: true", ", max_in_flight: 1"), options);
  const auto watch = Watch("app");
  const AtEnd end(*this);
  Begin(*watch);
  // The one call at the same time is still free.
  EXPECT_EQ(Serve(GetCall("app")), "OK");
  Publish(With("a: true", ", max_in_flight: 2"));
  Await([this] {
    binder_.Sweep();
    return backend_->alive == 3;  // app as it is now, other, secret
  });
  EXPECT_EQ(binder_.Sweep(), 0u);
  EXPECT_EQ(watch->ends, 0);
  Publish(With("a: false", ", max_in_flight: 2"));
  Await([&] { return watch->written.size() == 2; });
}

TEST_F(CapabilitiesTest, WatchesEndWithTheNamespace) {
  Start(With("a: true"));
  const auto removed = Watch("other");
  const auto disabled = Watch("app");
  const auto waits = Features("app", 1, 600);
  for (const auto& call : {removed.get(), disabled.get(), waits.get()}) Begin(*call);
  OnShard([&] { ASSERT_EQ(waits->ends, 0); });
  Publish(
      "backends:\n  main: {type: etcd}\nnamespaces:\n"
      "  - {name: app, backend: main, status: disabled, features: {a: true}}\n");
  for (const auto& call : {removed.get(), disabled.get(), waits.get()}) AwaitEnd(*call);
  EXPECT_EQ(Reason(*removed), "NAMESPACE_NOT_FOUND");
  EXPECT_EQ(Reason(*disabled), "NAMESPACE_DISABLED");
  EXPECT_EQ(Reason(*waits), "NAMESPACE_DISABLED");
  // The name in the accounts of the call does not go with the entry.
  EXPECT_EQ(removed->context().ns, "other");
}

TEST_F(CapabilitiesTest, BoundsThoseWhoWait) {
  Start(With("a: true"));
  std::vector<std::unique_ptr<FakeCall>> watches;
  const auto next = Watch("other");
  const AtEnd end(*this);
  for (std::size_t i = 0; i < kMaxWaiters; ++i) Begin(*watches.emplace_back(Watch("app")));
  EXPECT_EQ(Serve(Watch("other")), "TOO_MANY_WAITERS");
  const auto one_more = Features("app", 1, 600);
  EXPECT_EQ(Serve(one_more), "TOO_MANY_WAITERS");
  EXPECT_TRUE(one_more->error->retry_after().has_value());
  EXPECT_EQ(Serve(Features("app", 1)), "OK") << "who does not wait needs no place";
  Cancel(*watches[0], runtime::CancelReason::kClientGone);
  AwaitEnd(*watches[0]);
  Begin(*next);
  EXPECT_EQ(Written(*next).size(), 1u);
}

TEST_F(CapabilitiesTest, WaitsEndOnDrain) {
  Start(With("a: true"));
  const auto watch = Watch("app");
  const auto waits = Features("app", 1, 600);
  Begin(*watch);
  Begin(*waits);
  tables_.Drain();
  AwaitEnd(*watch);
  AwaitEnd(*waits);
  EXPECT_EQ(Reason(*watch), "SHUTTING_DOWN");
  EXPECT_EQ(Reason(*waits), "OK");
  EXPECT_EQ(Serve(Features("app", 1, 600)), "OK") << "nobody waits any more";
}

// Nobody may do anything any more.
class Nobody final : public security::Authorizer {
 public:
  Status Check(const security::Caller&, std::string_view, security::Permission) const override {
    return CheckServer({});
  }
  Status CheckServer(const security::Caller&) const override {
    return std::unexpected(Error(Code::kPermissionDenied, "ACCESS_DENIED", "no"));
  }
};

TEST_F(CapabilitiesTest, WaitsEndWhenTheCallerMayNoMore) {
  Start(With("a: true"));
  const auto watch = Watch("app");
  const auto waits = Features("app", 1, 600);
  Begin(*watch);
  Begin(*waits);
  gateway_->UseGuard(std::make_shared<const security::Guard>(
      std::make_shared<const security::Authenticator>(
          security::Authenticator::Options{.required = false, .names = {}}, testing::Tokens({})),
      std::make_shared<const Nobody>()));
  AwaitEnd(*watch);
  AwaitEnd(*waits);
  EXPECT_EQ(Reason(*watch), "ACCESS_DENIED");
  EXPECT_EQ(Reason(*waits), "ACCESS_DENIED");
}

TEST_F(CapabilitiesTest, ADeadlineEndsTheWait) {
  Start(With("a: true"));
  const auto waits = Features("app", 1, 600);
  Begin(*waits);
  Cancel(*waits, runtime::CancelReason::kDeadline);
  AwaitEnd(*waits);
  EXPECT_EQ(Reason(*waits), "DEADLINE_EXCEEDED");
}

constexpr std::string_view kLagging = R"(
backends:
  main: {type: etcd}
  replica: {type: nats}
  second: {type: etcd}
namespaces:
  - {name: strong-here, backend: main, consistency: strong}
  - {name: strong-there, backend: replica, consistency: strong}
  - {name: causal-there, backend: replica, consistency: causal}
  - {name: eventual-there, backend: replica, consistency: eventual}
  - {name: causal-here, backend: main, consistency: causal}
)";

TEST_F(CapabilitiesTest, RefusesAConsistencyThatTheBackendCantGive) {
  Start(kLagging);
  EXPECT_EQ(Serve(GetCall("strong-here")), "OK");
  EXPECT_EQ(Serve(GetCall("eventual-there")), "OK");
  const auto refused = GetCall("strong-there");
  EXPECT_EQ(Serve(refused), "CONSISTENCY_UNAVAILABLE");
  EXPECT_EQ(refused->error->code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused->error->message(), HasSubstr("configured backends that do: main, second"));
  EXPECT_EQ(Serve(GetCall("causal-there")), "CONSISTENCY_UNAVAILABLE");
  EXPECT_EQ(lagging_->opened, 1) << "what is refused is not opened";
}

TEST_F(CapabilitiesTest, SessionsGoWithCausalNamespaces) {
  Start(kLagging);
  const auto write = SetCall("causal-here");
  ASSERT_EQ(Serve(write), "OK");
  const std::string token = write->headers["prism-session"];
  EXPECT_TRUE(CheckSession(token)) << token;
  const auto read = [this](const std::string& session) {
    auto call = GetCall("causal-here");
    call->request_headers["prism-session"] = session;
    const std::string reason = Serve(call);
    EXPECT_FALSE(call->headers.contains("prism-session"));
    return reason;
  };
  EXPECT_EQ(read(token), "OK");
  EXPECT_EQ(read(""), "OK");
  for (const std::string& bad :
       {std::string("1."), std::string("1.xyz"), std::string("2.ab"), token + "!", " " + token,
        "1." + std::string(200, '0'), std::string("1.fffffffffffffffff"), std::string("1.-1")}) {
    EXPECT_EQ(read(bad), "SESSION_MALFORMED") << bad;
  }
  const auto strong = SetCall("strong-here");
  ASSERT_EQ(Serve(strong), "OK");
  EXPECT_FALSE(strong->headers.contains("prism-session"));
}

}  // namespace
}  // namespace prism::gateway
