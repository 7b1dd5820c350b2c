// For tests: a gateway on real shards with fake backends, and calls through all of it.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "contract/all_interfaces.h"
#include "gateway/binder.h"
#include "gateway/capabilities.h"
#include "gateway/gateway.h"
#include "gateway/newest_table.h"
#include "gateway/testing/fake_backend.h"
#include "gateway/testing/fake_call.h"
#include "namespaces/yaml_source.h"
#include "runtime/task_group.h"
#include "security/access.h"
#include "security/guard.h"

namespace prism::gateway::testing {

// Nobody but Ann may touch "secret".
class OneSecret final : public security::Authorizer {
 public:
  Status Check(const security::Caller& caller, std::string_view ns,
               security::Permission) const override {
    if (ns != "secret" || caller.principal == "x509:CN=ann") return {};
    return std::unexpected(Error(Code::kPermissionDenied, "ACCESS_DENIED", "no"));
  }
  Status CheckServer(const security::Caller&) const override { return {}; }
};

inline std::shared_ptr<const security::TokenTable> Tokens(
    std::vector<security::TokenTable::Row> rows) {
  return std::make_shared<const security::TokenTable>(std::move(rows));
}

class GatewayTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kMaxWaiters = 3;

  GatewayTest()
      : tables_(shards_, kMaxWaiters),
        methods_(
            contract::AllInterfaces(),
            std::array{MethodTable::SystemService{
                &capability::v1::CapabilityService::kInterface,
                capabilities_.Find(capability::v1::CapabilityService::kInterface), false, true}}),
        binder_(methods_.interfaces(),
                [this](const namespaces::BackendConfig& config)
                    -> Result<std::shared_ptr<contract::Backend>> {
                  if (config.type == "etcd") return backend_;
                  if (config.type == "nats") return lagging_;
                  return std::unexpected(
                      Error(Code::kFailedPrecondition, "DRIVER_NOT_INSTALLED", "no driver"));
                }) {}

  void TearDown() override {
    if (gateway_ != nullptr) {
      for (auto& group : groups_) EXPECT_EQ(group->running(), 0u);
    }
    shards_.Stop();
  }

  void Start(std::string_view config, ShardState::Options options = {}) {
    ASSERT_TRUE(shards_.Start());
    groups_.push_back(std::make_unique<runtime::TaskGroup>());
    gateway_ = std::make_unique<Gateway>(Gateway::Parts{shards_, methods_, clock_, log_, tables_},
                                         options, guard_);
    Publish(config);
  }

  void Publish(std::string_view config) {
    auto snapshot = namespaces::ParseConfig(config, "test");
    ASSERT_TRUE(snapshot) << snapshot.error().ToString();
    const auto table = binder_.Bind(*snapshot);
    gateway_->Publish(table);
    binder_.Commit(table);
  }

  // Runs fn on shard 0 and waits for it.
  template <class F>
  void OnShard(F fn) {
    std::latch done(1);
    shards_.at(0).Post([&fn, &done] {
      fn();
      done.count_down();
    });
    done.wait();
  }

  template <class Request>
  std::unique_ptr<FakeCall> Prepare(std::string_view path, const Request& request) {
    const contract::MethodInfo* method = gateway_->Find(path);
    EXPECT_NE(method, nullptr) << path;
    return std::make_unique<FakeCall>(*method, request.SerializeAsString());
  }
  void Begin(FakeCall& call) {
    OnShard([this, &call] { groups_[0]->Spawn(gateway_->Serve(call)); });
  }
  void Cancel(FakeCall& call, runtime::CancelReason reason) {
    OnShard([&call, reason] { call.context().cancel().Cancel(reason); });
  }

  std::unique_ptr<FakeCall> GetCall(std::string_view ns, std::string_view key = "k") {
    kv::GetRequest request;
    request.set_namespace_(std::string(ns));
    request.set_key(std::string(key));
    return Prepare("/prism.keyvalue.v1.KeyValueBasic/Get", request);
  }
  std::unique_ptr<FakeCall> SetCall(std::string_view ns) {
    kv::SetRequest request;
    request.set_namespace_(std::string(ns));
    request.set_key("k");
    return Prepare("/prism.keyvalue.v1.KeyValueBasic/Set", request);
  }
  std::string Reason(FakeCall& call) {
    EXPECT_EQ(call.ends, 1);
    return call.error ? std::string(call.error->reason()) : "OK";
  }
  std::string Serve(const std::unique_ptr<FakeCall>& call) {
    Begin(*call);
    return Reason(*call);
  }
  ShardSample Sample() {
    ShardSample sample;
    OnShard([this, &sample] { sample = gateway_->Sample(0); });
    return sample;
  }

  runtime::ShardPool shards_{1};
  SystemClock clock_;
  std::shared_ptr<const security::Guard> guard_ = std::make_shared<const security::Guard>(
      std::make_shared<const security::Authenticator>(
          security::Authenticator::Options{.required = false, .names = {}}, Tokens({})),
      std::make_shared<const OneSecret>());
  std::vector<std::string> lines_;  // of the log
  telemetry::Logger log_{telemetry::LogLevel::kInfo, telemetry::LogFormat::kText,
                         [this](std::string_view line) { lines_.emplace_back(line); }};
  std::shared_ptr<FakeBackend> backend_ = std::make_shared<FakeBackend>();
  std::shared_ptr<LaggingBackend> lagging_ = std::make_shared<LaggingBackend>();
  NewestTables tables_;
  Capabilities capabilities_{tables_, 5u << 20};
  MethodTable methods_;
  Binder binder_;
  std::vector<std::unique_ptr<runtime::TaskGroup>> groups_;
  std::unique_ptr<Gateway> gateway_;
};

}  // namespace prism::gateway::testing
