#include <gtest/gtest.h>

#include <string>

#include "engine/keyvalue/local_keyvalue.h"
#include "engine/testing/service_test.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model
using testing::MemoryEngine;
using testing::RunNow;
using testing::TestCall;

class LocalKeyValueTransactional : public testing::ServiceTest {
 protected:
  std::string Begin(MemoryEngine& engine) {
    TestCall call(engine.clock.Now());
    BeginTransactionResponse response;
    EXPECT_TRUE(RunNow(engine.service<KeyValueTransactional>().BeginTransaction(
        *call, BeginTransactionRequest(), response)));
    return response.transaction();
  }
  std::string Begin() { return Begin(engine_); }
  Status SetIn(const std::string& transaction, const std::string& key, const std::string& value,
               std::int64_t ttl_seconds = 0) {
    SetInTransactionRequest request;
    request.set_transaction(transaction);
    request.set_key(key);
    request.set_value(value);
    if (ttl_seconds != 0) testing::SetTtl(request, ttl_seconds);
    SetInTransactionResponse response;
    return Try(&KeyValueTransactional::SetInTransaction, request, response);
  }
  Status DeleteIn(const std::string& transaction, const std::string& key) {
    DeleteInTransactionRequest request;
    request.set_transaction(transaction);
    request.set_key(key);
    DeleteInTransactionResponse response;
    return Try(&KeyValueTransactional::DeleteInTransaction, request, response);
  }
  GetInTransactionResponse GetIn(const std::string& transaction, const std::string& key) {
    GetInTransactionRequest request;
    request.set_transaction(transaction);
    request.set_key(key);
    return Call(&KeyValueTransactional::GetInTransaction, request);
  }
  Result<CommitResponse> Commit(const std::string& transaction, const std::string& request_id = "",
                                std::string_view principal = "anonymous") {
    TestCall call(engine_.clock.Now(), principal);
    CommitRequest request;
    request.set_transaction(transaction);
    request.set_request_id(request_id);
    CommitResponse response;
    TRY(RunNow(service().Commit(*call, request, response)));
    return response;
  }
  static Status StatusOf(const Result<CommitResponse>& result) {
    return result ? Status() : std::unexpected(result.error());
  }
  Status Rollback(const std::string& transaction) {
    RollbackRequest request;
    request.set_transaction(transaction);
    RollbackResponse response;
    return Try(&KeyValueTransactional::Rollback, request, response);
  }
  void Set(const std::string& key, const std::string& value) {
    SetRequest request;
    request.set_key(key);
    request.set_value(value);
    Call(&KeyValueBasic::Set, request);
  }
  GetResponse Get(const std::string& key) {
    GetRequest request;
    request.set_key(key);
    return Call(&KeyValueBasic::Get, request);
  }
  KeyValueTransactional& service() { return engine_.service<KeyValueTransactional>(); }
};

TEST_F(LocalKeyValueTransactional, AppliesAllAtCommit) {
  Set("old", "1");
  const std::string t = Begin();
  EXPECT_EQ(GetIn(t, "old").value(), "1");
  ASSERT_TRUE(SetIn(t, "new", "2"));
  ASSERT_TRUE(DeleteIn(t, "old"));
  EXPECT_EQ(GetIn(t, "new").value(), "2");
  EXPECT_EQ(GetIn(t, "new").version(), "");
  EXPECT_FALSE(GetIn(t, "old").found());
  EXPECT_FALSE(Get("new").found()) << "nothing is visible before the commit";
  const auto committed = Commit(t);
  ASSERT_TRUE(committed);
  EXPECT_EQ(committed->versions().size(), 1U);
  EXPECT_EQ(committed->versions().at("new"), Get("new").version());
  EXPECT_FALSE(Get("old").found());
  EXPECT_EQ(Commit(t).error().reason(), "TRANSACTION_NOT_FOUND");
}

TEST_F(LocalKeyValueTransactional, TheLastWriteOfAKeyCounts) {
  Set("k1", "v");
  const std::string t = Begin();
  ASSERT_TRUE(DeleteIn(t, "k1"));
  ASSERT_TRUE(SetIn(t, "k2", "v"));
  ASSERT_TRUE(DeleteIn(t, "k2"));
  ASSERT_TRUE(SetIn(t, "k3", "a"));
  ASSERT_TRUE(SetIn(t, "k3", "b"));
  ASSERT_TRUE(Commit(t));
  EXPECT_FALSE(Get("k1").found());
  EXPECT_FALSE(Get("k2").found());
  EXPECT_EQ(Get("k3").value(), "b");
}

TEST_F(LocalKeyValueTransactional, AReadThatChangedIsAConflict) {
  Set("k", "1");
  const std::string changed = Begin();
  GetIn(changed, "k");
  ASSERT_TRUE(SetIn(changed, "other", "x"));
  Set("k", "1");
  const auto conflict = Commit(changed);
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().code(), Code::kAborted);
  EXPECT_EQ(conflict.error().reason(), "TRANSACTION_CONFLICT");
  EXPECT_FALSE(Get("other").found()) << "a part was applied";

  const std::string appeared = Begin();
  EXPECT_FALSE(GetIn(appeared, "new").found());
  Set("new", "1");
  EXPECT_EQ(Commit(appeared).error().reason(), "TRANSACTION_CONFLICT");

  const std::string blind = Begin();
  ASSERT_TRUE(SetIn(blind, "k", "2"));
  Set("k", "3");
  EXPECT_TRUE(Commit(blind)) << "what was not read can't conflict";
}

TEST_F(LocalKeyValueTransactional, ATtlRunsFromTheCommit) {
  const std::string t = Begin();
  ASSERT_TRUE(SetIn(t, "k", "v", 5));
  EXPECT_TRUE(GetIn(t, "k").has_expire_time());
  engine_.clock.Advance(4000);
  ASSERT_TRUE(Commit(t));
  EXPECT_EQ(Get("k").expire_time().seconds(), (engine_.clock.Now() + 5000) / 1000);
}

TEST_F(LocalKeyValueTransactional, RollbackDropsItAndRepeats) {
  const std::string t = Begin();
  ASSERT_TRUE(SetIn(t, "k", "v"));
  EXPECT_TRUE(Rollback(t));
  EXPECT_TRUE(Rollback(t));
  EXPECT_TRUE(Rollback("never was one"));
  EXPECT_EQ(Commit(t).error().reason(), "TRANSACTION_NOT_FOUND");
  EXPECT_EQ(SetIn(t, "k", "v").error().reason(), "TRANSACTION_NOT_FOUND");
  EXPECT_FALSE(Get("k").found());
}

TEST_F(LocalKeyValueTransactional, AHandleIsRequired) {
  GetInTransactionRequest get;
  get.set_key("k");
  GetInTransactionResponse got;
  for (const Status& refused : {Rollback(""), SetIn("", "k", "v"), DeleteIn("", "k"),
                                Try(&KeyValueTransactional::GetInTransaction, get, got),
                                StatusOf(Commit("")), StatusOf(Commit("", "id"))}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
    EXPECT_EQ(refused.error().reason(), "TRANSACTION_REQUIRED");
    ASSERT_EQ(refused.error().fields().size(), 1U);
    EXPECT_EQ(refused.error().fields()[0].field, "transaction");
  }
}

TEST_F(LocalKeyValueTransactional, ACommitWithAnIdIsDoneOnce) {
  const std::string t = Begin();
  ASSERT_TRUE(SetIn(t, "k", "v"));
  const auto first = Commit(t, "id");
  ASSERT_TRUE(first);
  Set("k", "later");
  const auto second = Commit(t, "id");
  ASSERT_TRUE(second) << second.error().ToString();
  EXPECT_EQ(second->versions().at("k"), first->versions().at("k"));
  EXPECT_EQ(Get("k").value(), "later");
  EXPECT_EQ(Commit(t, "another").error().reason(), "TRANSACTION_NOT_FOUND");
}

TEST_F(LocalKeyValueTransactional, HandlesOfOthersAreRefused) {
  MemoryEngine other;
  const std::string foreign = Begin(other);
  EXPECT_EQ(Commit(foreign).error().reason(), "TRANSACTION_ELSEWHERE");
  EXPECT_EQ(SetIn(foreign, "k", "v").error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(Rollback(foreign).error().reason(), "TRANSACTION_ELSEWHERE");

  const std::string mine = Begin();
  EXPECT_EQ(Commit(mine, "", "somebody").error().reason(), "TRANSACTION_NOT_FOUND");
  EXPECT_TRUE(Commit(mine));
  for (const std::string garbage : {".", "..", "x.y.z", "\xFF", "1.2", "1.2.3.4"}) {
    const auto refused = Commit(garbage);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().reason() == "TRANSACTION_NOT_FOUND" ||
                refused.error().reason() == "TRANSACTION_ELSEWHERE")
        << garbage;
  }
}

TEST_F(LocalKeyValueTransactional, ChecksItsFields) {
  const std::string t = Begin();
  EXPECT_EQ(SetIn(t, "", "v").error().reason(), "KEY_EMPTY");
  EXPECT_EQ(SetIn(t, "k", "v", -1).error().reason(), "TTL_NOT_POSITIVE");
  EXPECT_EQ(SetIn(t, "k", std::string((4u << 20) + 1, 'v')).error().reason(), "VALUE_TOO_LARGE");
  TestCall call(engine_.clock.Now());
  BeginTransactionResponse response;
  BeginTransactionRequest request;
  for (const auto& [seconds, nanos] : {std::pair{0, 0}, {-1, 0}, {60, 1}, {61, 0}, {1, -1}}) {
    request.mutable_timeout()->set_seconds(seconds);
    request.mutable_timeout()->set_nanos(nanos);
    const Status status = RunNow(service().BeginTransaction(*call, request, response));
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().reason(), "TIMEOUT_OUT_OF_RANGE");
  }
  request.mutable_timeout()->set_seconds(60);
  request.mutable_timeout()->set_nanos(0);
  EXPECT_TRUE(RunNow(service().BeginTransaction(*call, request, response)));
}

}  // namespace
}  // namespace prism::engine
