#include "models/keyvalue/open_transactions.h"

#include <google/protobuf/arena.h>
#include <gtest/gtest.h>

#include <string>

namespace prism::models {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

constexpr std::uint64_t kInstance = 42;

class Handles : public ::testing::Test {
 protected:
  Handles() {
    ctx_.now = 1'000'000;
    ctx_.principal = "me";
  }
  std::string Begin() {
    BeginTransactionResponse response;
    EXPECT_TRUE(open_.Begin(ctx_, {}, response));
    return response.transaction();
  }
  Status Set(const std::string& handle, const std::string& key, std::int64_t ttl_seconds = 0) {
    SetInTransactionRequest request;
    request.set_transaction(handle);
    request.set_key(key);
    request.set_value("value");
    if (ttl_seconds != 0) request.mutable_ttl()->set_seconds(ttl_seconds);
    return open_.Set(ctx_, request, 100);
  }
  Result<OpenTransactions::Closed> Close(const std::string& handle, const std::string& id = "") {
    CommitRequest request;
    request.set_transaction(handle);
    request.set_request_id(id);
    return open_.Close(ctx_, request);
  }
  std::string Refusal(const std::string& handle) {
    const auto claim = open_.ClaimOf(ctx_, handle);
    return claim ? "" : std::string(claim.error().reason());
  }

  google::protobuf::Arena arena_;
  contract::CallContext ctx_{arena_};
  MemoryBudget budget_{1u << 20};
  OpenTransactions open_{budget_, 10, kInstance};
};

TEST_F(Handles, NameATransactionOfThisProcess) {
  const std::string handle = Begin();
  EXPECT_EQ(handle.substr(0, 3), "1a.") << "the instance in base 32";
  EXPECT_EQ(Refusal(handle), "");
  EXPECT_EQ(Refusal("1b" + handle.substr(2)), "TRANSACTION_ELSEWHERE");
  EXPECT_EQ(Refusal(""), "TRANSACTION_REQUIRED");
  for (const std::string& other :
       {std::string("1a"), std::string("1a.1"), std::string("1a.1.u"), std::string("..")}) {
    EXPECT_EQ(Refusal(other), "TRANSACTION_NOT_FOUND") << other;
  }
}

TEST_F(Handles, ATransactionSeesItsOwnWrites) {
  const std::string handle = Begin();
  ASSERT_TRUE(Set(handle, "key", 5));
  const auto claim = open_.ClaimOf(ctx_, handle);
  ASSERT_TRUE(claim);
  GetInTransactionResponse response;
  EXPECT_FALSE(*open_.GetOwn(*claim, "other", ctx_.now, response));
  EXPECT_TRUE(*open_.GetOwn(*claim, "key", ctx_.now, response));
  EXPECT_EQ(response.value(), "value");
  EXPECT_EQ(response.expire_time().seconds(), 1005);

  DeleteInTransactionRequest remove;
  remove.set_transaction(handle);
  remove.set_key("key");
  ASSERT_TRUE(open_.Delete(ctx_, remove));
  GetInTransactionResponse removed;
  EXPECT_TRUE(*open_.GetOwn(*claim, "key", ctx_.now, removed));
  EXPECT_FALSE(removed.found());
}

TEST_F(Handles, ACommitGetsTheContentOrWhyThereIsNone) {
  const std::string handle = Begin();
  ASSERT_TRUE(Set(handle, "key", 5));
  const auto claim = open_.ClaimOf(ctx_, handle);
  ASSERT_TRUE(open_.NoteRead(*claim, "absent", ""));
  ASSERT_TRUE(open_.NoteRead(*claim, "there", "r:0123456789abcdef0123456789abcdef"));

  const auto closed = Close(handle, "id");
  ASSERT_TRUE(closed && closed->content != nullptr);
  EXPECT_EQ(closed->content->reads.at("absent"), "");
  EXPECT_EQ(closed->content->reads.at("there"), "r:0123456789abcdef0123456789abcdef");
  EXPECT_EQ(WriteAt(closed->content->writes.at("key"), 1000).expires_at, 6000);
  open_.Finish(*closed);
  EXPECT_TRUE(open_.empty());

  const auto repeated = Close(handle, "id");
  ASSERT_TRUE(repeated) << "the store may have its answer";
  EXPECT_EQ(repeated->content, nullptr);
  EXPECT_EQ(repeated->missing.reason(), "TRANSACTION_NOT_FOUND");
  const auto without_id = Close(handle);
  ASSERT_FALSE(without_id);
  EXPECT_EQ(without_id.error().reason(), "TRANSACTION_NOT_FOUND");
  const auto elsewhere = Close("1b" + handle.substr(2), "id");
  ASSERT_TRUE(elsewhere);
  EXPECT_EQ(elsewhere->missing.reason(), "TRANSACTION_ELSEWHERE");
}

}  // namespace
}  // namespace prism::models
