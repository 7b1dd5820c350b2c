// For tests of services of the admin API: a store, shards, and calls of a chosen caller.
#pragma once

#include <google/protobuf/arena.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "contract/stream.h"
#include "gateway/admin/testing/simple_control.h"
#include "runtime/sync_wait.h"
#include "security/access.h"
#include "security/audit_log.h"
#include "security/caller_rights.h"

namespace prism::gateway::testing {

// "root" administers the server; "olga" administers what the test says.
class AdminFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(shards_.Start());
    auto opened = namespaces::ConfigStore::Open(
        {.path = directory_.File("config.db"), .more_parts = Parts()}, clock_);
    ASSERT_TRUE(opened) << opened.error().ToString();
    store_ = *std::move(opened);
    control_ = std::make_unique<SimpleControl>(*store_, changes_);
    namespaces::Change change;
    for (const char* name : {"memory", "other"}) {
      change.backends.push_back(
          {name,
           namespaces::BackendConfig{
               .name = name, .type = "memory", .connection = "", .username = "", .password = ""}});
    }
    ASSERT_TRUE(store_->Commit(change, {"test", "begin"}));
    ASSERT_TRUE(control_->Serve());
  }
  void TearDown() override {
    if (control_) control_->thread().Stop();
    pool_.Stop();
    whole_reads_.Stop();
    shards_.Stop();
  }

  // Tables of others in the store's file.
  virtual std::vector<sqlite::SchemaPart> Parts() { return {security::AuditPart()}; }

  // Of the audit, newest first: "ACTION OBJECT".
  std::vector<std::string> Audit() {
    const auto page = sqlite::ReadAndWait(store_->database(), [](sqlite::Connection& connection) {
      return security::ListAudit(connection, {});
    });
    std::vector<std::string> entries;
    if (!page) return {page.error().ToString()};
    for (const security::AuditRecord& record : page->records) {
      entries.push_back(record.entry.action + " " + record.entry.object);
    }
    return entries;
  }

  std::shared_ptr<const security::Guard> GuardFor() const {
    const std::array<std::string, 1> admins = {"root"};
    const security::NamespaceAccess access{
        .owner = "olga", .read = {"rita"}, .write = {}, .admin = {}};
    std::vector<security::AccessTable::Entry> entries;
    for (const std::string& name : olgas_) entries.emplace_back(name, &access);
    return std::make_shared<const security::Guard>(
        std::make_shared<const security::Authenticator>(
            security::Authenticator::Options{.required = true, .names = {}},
            std::make_shared<const security::TokenTable>(std::vector<security::TokenTable::Row>())),
        std::make_shared<const security::AccessTable>(admins, entries));
  }

  // Calls a method of a service on a shard.
  template <class Service, class Request, class Response>
  Result<Response> Call(Service& service,
                        runtime::Task<Status> (Service::*method)(contract::CallContext&,
                                                                 const Request&, Response&),
                        const Request& request, std::string_view who = "root", int shard = 0) {
    Response response;
    TRY(RunAs(who, shard, [&](contract::CallContext& ctx) {
      return (service.*method)(ctx, request, response);
    }));
    return response;
  }

  // The same of a method that answers with a stream: all its messages.
  template <class Service, class Request, class Response>
  Result<std::vector<Response>> Call(
      Service& service,
      runtime::Task<Status> (Service::*method)(contract::CallContext&, const Request&,
                                               contract::Sink<Response>),
      const Request& request, std::string_view who = "root", int shard = 0) {
    Kept<Response> kept;
    TRY(RunAs(who, shard, [&](contract::CallContext& ctx) {
      return (service.*method)(ctx, request, contract::Sink<Response>(kept));
    }));
    return std::move(kept.messages);
  }

  // The same of a method that reads a stream: these messages.
  template <class Service, class Request, class Response>
  Result<Response> Call(Service& service,
                        runtime::Task<Status> (Service::*method)(contract::CallContext&,
                                                                 contract::Source<Request>,
                                                                 Response&),
                        const std::vector<Request>& requests, std::string_view who = "root") {
    Response response;
    Given<Request> given(requests);
    TRY(RunAs(who, 0, [&](contract::CallContext& ctx) {
      return (service.*method)(ctx, contract::Source<Request>(given), response);
    }));
    return response;
  }

  template <class Request>
  struct Given final : contract::MessageSource {
    explicit Given(const std::vector<Request>& requests) : messages(requests) {}
    runtime::Task<Result<bool>> Read(google::protobuf::Message& into) override {
      into.Clear();
      if (next == messages.size()) co_return false;
      into.CopyFrom(messages[next++]);
      co_return true;
    }
    const std::vector<Request>& messages;
    std::size_t next = 0;
  };

  template <class Response>
  struct Kept final : contract::MessageSink {
    runtime::Task<Status> Write(const google::protobuf::Message& message) override {
      messages.emplace_back().CopyFrom(message);
      co_return Status();
    }
    std::vector<Response> messages;
  };

  template <class Method>
  Status RunAs(std::string_view who, int shard, const Method& method) {
    google::protobuf::Arena arena;
    contract::CallContext ctx(arena);
    const security::CallerRights rights(
        GuardFor(), security::Caller{.principal = who, .proof = security::Proof::kUnixPeer},
        "127.0.0.1:1");
    ctx.rights = &rights;
    ctx.principal = who;
    return runtime::RunOn(shards_.at(shard), [&] { return method(ctx); });
  }

  base::testing::TempDirectory directory_;
  ManualClock clock_{1'700'000'000'000};
  runtime::ShardPool shards_{2};
  runtime::BlockingPool pool_{2, 1024};
  runtime::BlockingPool whole_reads_{1, 1024};
  ConfigChanges changes_{shards_};
  std::unique_ptr<namespaces::ConfigStore> store_;
  std::unique_ptr<SimpleControl> control_;
  std::vector<std::string> olgas_;  // namespaces that olga owns and rita reads
};

template <class T>
std::string ReasonOf(const Result<T>& result) {
  return result ? "OK" : std::string(result.error().reason());
}

}  // namespace prism::gateway::testing
