// What a client may rely on across a restart of the gateway, on the durable backend.
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "base/testing/temp_directory.h"
#include "engine/sqlite/sqlite_backend.h"
#include "engine/testing/harness.h"
#include "prism/keyvalue/v1/keyvalue.pb.h"
#include "prism/keyvalue/v1/keyvalue.prism.h"
#include "runtime/sync_wait.h"

namespace prism::engine::testing {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

// A running engine on a directory.
class Server {
 public:
  explicit Server(const std::string& directory)
      : budget_(1u << 30), engine_({}, clock_, budget_, BuiltinModels()) {
    auto backend = SqliteBackend::Make(engine_, {.data_dir = directory});
    if (!backend) {
      ADD_FAILURE() << backend.error().ToString();
      std::abort();
    }
    backend_ = *std::move(backend);
    ns_ = *backend_->Open({.name = "test"});
  }

  template <class Interface, class Request, class Response>
  Status Call(runtime::Task<Status> (Interface::*method)(contract::CallContext&, const Request&,
                                                         Response&),
              const Request& request, Response& response) {
    TestCall call(clock_.Now());
    auto& service = *static_cast<Interface*>(ns_->Find(Interface::kInterface));
    return runtime::RunOnNewShard([&] { return (service.*method)(*call, request, response); });
  }
  Status Scan(const ScanRequest& request, CollectingSink<ScanResponse>& sink) {
    TestCall call(clock_.Now());
    auto& service = *static_cast<KeyValueScan*>(ns_->Find(KeyValueScan::kInterface));
    return runtime::RunOnNewShard([&] { return service.Scan(*call, request, sink.sink()); });
  }
  std::string Set(const std::string& key, const std::string& request_id = "") {
    SetRequest request;
    request.set_key(key);
    request.set_request_id(request_id);
    SetResponse response;
    EXPECT_TRUE(Call(&KeyValueBasic::Set, request, response));
    return response.version();
  }

 private:
  SystemClock clock_;
  models::MemoryBudget budget_;
  LocalEngine engine_;
  std::unique_ptr<SqliteBackend> backend_;
  std::shared_ptr<contract::NamespaceBackend> ns_;
};

class Restart : public ::testing::Test {
 protected:
  void RestartServer() {
    server_.reset();
    server_.emplace(directory_.path());
  }

  base::testing::TempDirectory directory_;
  std::optional<Server> server_{directory_.path()};
};

TEST_F(Restart, AScanGoesOn) {
  for (const std::string key : {"a", "b", "c"}) server_->Set(key);
  ScanRequest request;
  request.set_limit(2);
  CollectingSink<ScanResponse> before;
  ASSERT_TRUE(server_->Scan(request, before));
  RestartServer();
  request.set_page_token(before.messages.back().checkpoint().page_token());
  CollectingSink<ScanResponse> after;
  const Status status = server_->Scan(request, after);
  ASSERT_TRUE(status) << status.error().ToString();
  ASSERT_EQ(after.messages.size(), 2U);
  EXPECT_EQ(after.messages[0].entry().key(), "c");
}

TEST_F(Restart, ARequestIdKeepsItsAnswer) {
  const std::string version = server_->Set("k", "id");
  RestartServer();
  EXPECT_EQ(server_->Set("k", "id"), version);
}

TEST_F(Restart, AVersionDoesNotComeBack) {
  const std::string version = server_->Set("k");
  DeleteRequest remove;
  remove.set_key("k");
  DeleteResponse removed;
  ASSERT_TRUE(server_->Call(&KeyValueBasic::Delete, remove, removed));
  RestartServer();
  EXPECT_NE(server_->Set("k"), version);
}

TEST_F(Restart, ACommitIsAnsweredAgainAndAnOpenTransactionIsElsewhere) {
  BeginTransactionResponse begun;
  ASSERT_TRUE(
      server_->Call(&KeyValueTransactional::BeginTransaction, BeginTransactionRequest(), begun));
  SetInTransactionRequest set;
  set.set_transaction(begun.transaction());
  set.set_key("k");
  SetInTransactionResponse buffered;
  ASSERT_TRUE(server_->Call(&KeyValueTransactional::SetInTransaction, set, buffered));
  CommitRequest commit;
  commit.set_transaction(begun.transaction());
  commit.set_request_id("id");
  CommitResponse first;
  ASSERT_TRUE(server_->Call(&KeyValueTransactional::Commit, commit, first));

  BeginTransactionResponse open;
  ASSERT_TRUE(
      server_->Call(&KeyValueTransactional::BeginTransaction, BeginTransactionRequest(), open));
  RestartServer();
  CommitResponse again;
  const Status repeated = server_->Call(&KeyValueTransactional::Commit, commit, again);
  ASSERT_TRUE(repeated) << repeated.error().ToString();
  EXPECT_EQ(again.versions().at("k"), first.versions().at("k"));

  commit.set_transaction(open.transaction());
  commit.set_request_id("other");
  const Status elsewhere = server_->Call(&KeyValueTransactional::Commit, commit, again);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().reason(), "TRANSACTION_ELSEWHERE");
}

}  // namespace
}  // namespace prism::engine::testing
