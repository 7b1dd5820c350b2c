// For tests: a store with tokens and audit in a directory of its own, and calls of its services.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/testing/temp_directory.h"
#include "gateway/admin/admin_dispatcher.h"
#include "gateway/testing/fake_call.h"
#include "namespaces/store/config_store.h"
#include "runtime/sync_wait.h"
#include "security/access.h"
#include "security/audit_log.h"
#include "security/token_store.h"
#include "sqlite/plain_database.h"

namespace prism::gateway::testing {

inline constexpr WallMillis kStart = 1'700'000'000'000;

// Who administers the server here. Others are nobody.
inline constexpr std::string_view kZoe = "x509:CN=zoe";
inline constexpr std::string_view kRita = "x509:CN=rita";

class AdminStoreTest : public ::testing::Test {
 protected:
  // Tables of others in the store's file.
  virtual std::vector<sqlite::SchemaPart> MoreParts() { return {}; }

  void SetUp() override {
    std::vector<sqlite::SchemaPart> parts = MoreParts();
    parts.push_back(security::TokenStore::Part());
    parts.push_back(security::AuditPart());
    auto opened = namespaces::ConfigStore::Open(
        {.path = path_, .more_parts = parts, .chain = security::ReadAuditHeadAt}, clock_);
    ASSERT_TRUE(opened) << opened.error().ToString();
    store_ = *std::move(opened);
    tokens_ = std::make_unique<security::TokenStore>(
        store_->database(), clock_,
        [this](std::shared_ptr<const security::TokenTable> table) { table_ = std::move(table); });
    ASSERT_TRUE(tokens_->Start());
    ASSERT_TRUE(shards_.Start());
  }
  void TearDown() override {
    pool_.Stop();
    shards_.Stop();
  }

  static std::shared_ptr<const security::Guard> Guard() {
    const std::vector<std::string> admins = {std::string(kZoe)};
    return std::make_shared<const security::Guard>(
        std::make_shared<const security::Authenticator>(
            security::Authenticator::Options{.required = true, .names = {}},
            std::make_shared<const security::TokenTable>(std::vector<security::TokenTable::Row>())),
        std::make_shared<const security::AccessTable>(admins,
                                                      std::vector<security::AccessTable::Entry>()));
  }

  // The services of `provider` behind a dispatcher, called as `who`.
  std::unique_ptr<FakeCall> Call(contract::InterfaceProvider& provider, std::string_view method,
                                 const google::protobuf::Message& request,
                                 std::string_view who = kZoe, RefusalTrail* refusals = nullptr) {
    std::vector<MethodTable::SystemService> services;
    MethodTable::AddTo(services, provider, false);
    const MethodTable methods({}, services);
    AdminDispatcher dispatcher({.shards = shards_,
                                .methods = methods,
                                .clock = clock_,
                                .log = log_,
                                .routes = nullptr,
                                .refusals = refusals},
                               Guard());
    auto call = std::make_unique<FakeCall>(*methods.Find(method), request.SerializeAsString());
    call->identity = who;
    runtime::RunOn(shards_.at(0), [&] { return dispatcher.Serve(*call); });
    EXPECT_EQ(call->ends, 1);
    return call;
  }
  template <class Response>
  static Response Answer(const FakeCall& call) {
    EXPECT_EQ(call.error, std::nullopt) << call.error->ToString();
    Response response;
    EXPECT_TRUE(response.ParseFromString(call.response));
    return response;
  }

  // The whole audit, oldest first.
  std::vector<security::AuditRecord> Audit() {
    const auto page = sqlite::ReadAndWait(store_->database(), [](sqlite::Connection& connection) {
      return security::ListAudit(connection, {.ascending = true, .limit = 1000});
    });
    EXPECT_TRUE(page) << page.error().ToString();
    return page ? page->records : std::vector<security::AuditRecord>();
  }
  // Behind everybody's back.
  void Tamper(const std::string& sql) {
    EXPECT_TRUE(sqlite::WriteAndWait(store_->database(), [&sql](sqlite::Connection& connection) {
      return connection.Execute(sql);
    }));
  }

  base::testing::TempDirectory directory_;
  const std::string path_ = directory_.File("config.db");
  ManualClock clock_{kStart};
  telemetry::Logger log_{telemetry::LogLevel::kError, telemetry::LogFormat::kText};
  runtime::ShardPool shards_{1};
  runtime::BlockingPool pool_{1, 1024};
  std::unique_ptr<namespaces::ConfigStore> store_;
  std::shared_ptr<const security::TokenTable> table_;  // written by the store's thread
  std::unique_ptr<security::TokenStore> tokens_;
};

}  // namespace prism::gateway::testing
