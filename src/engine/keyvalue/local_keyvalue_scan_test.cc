#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/keyvalue/local_keyvalue.h"
#include "engine/testing/service_test.h"
#include "runtime/sync_wait.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model
using testing::CollectingSink;
using testing::RunNow;
using testing::TestCall;

class LocalKeyValueScan : public testing::ServiceTest {
 protected:
  void Fill(const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) Set(fmt::format("{}{:05}", prefix, i));
  }
  void Set(const std::string& key, std::int64_t ttl_seconds = 0) {
    SetRequest request;
    request.set_key(key);
    request.set_value("value of " + key);
    (*request.mutable_tags())["t"] = "1";
    if (ttl_seconds != 0) testing::SetTtl(request, ttl_seconds);
    Call(&KeyValueBasic::Set, request);
  }
  Status Scan(const ScanRequest& request, CollectingSink<ScanResponse>& sink) {
    TestCall call(engine_.clock.Now());
    return RunNow(scan().Scan(*call, request, sink.sink()));
  }
  std::int64_t Count(const std::string& prefix) {
    CountRequest request;
    request.set_prefix(prefix);
    return Call(&KeyValueScan::Count, request).count();
  }
  Result<std::int64_t> DeletePrefix(const std::string& prefix, const std::string& request_id = "") {
    DeletePrefixRequest request;
    request.set_prefix(prefix);
    request.set_request_id(request_id);
    DeletePrefixResponse response;
    TRY(Try(&KeyValueScan::DeletePrefix, request, response));
    return response.deleted();
  }
  KeyValueScan& scan() { return engine_.service<KeyValueScan>(); }
};

std::vector<std::string> KeysOf(const CollectingSink<ScanResponse>& sink) {
  std::vector<std::string> keys;
  for (const auto& message : sink.messages) {
    if (message.has_entry()) keys.push_back(message.entry().key());
  }
  return keys;
}

TEST_F(LocalKeyValueScan, StreamsInOrderWithCheckpoints) {
  Fill("a/", 2500);
  Fill("b/", 3);
  CollectingSink<ScanResponse> sink;
  ScanRequest request;
  request.set_prefix("a/");
  ASSERT_TRUE(Scan(request, sink));
  const auto keys = KeysOf(sink);
  EXPECT_EQ(keys.size(), 2500U);
  EXPECT_TRUE(std::ranges::is_sorted(keys, std::ranges::less_equal{}));
  EXPECT_EQ(sink.messages.front().entry().value(), "value of a/00000");
  EXPECT_EQ(sink.messages.front().entry().tags().at("t"), "1");
  EXPECT_FALSE(sink.messages.front().entry().version().empty());
  int since = 0;
  for (const auto& message : sink.messages) {
    since = message.has_checkpoint() ? 0 : since + 1;
    EXPECT_LE(since, 1000);
  }
  ASSERT_TRUE(sink.messages.back().has_checkpoint());
  EXPECT_EQ(sink.messages.back().checkpoint().page_token(), "") << "the end has no token";
}

TEST_F(LocalKeyValueScan, GoesOnBehindACheckpoint) {
  Fill("k", 10);
  std::vector<std::string> all;
  ScanRequest request;
  request.set_prefix("k");
  request.set_limit(3);
  int pages = 0;
  do {
    CollectingSink<ScanResponse> sink;
    ASSERT_TRUE(Scan(request, sink));
    for (auto& key : KeysOf(sink)) all.push_back(key);
    request.set_page_token(sink.messages.back().checkpoint().page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 4);
  EXPECT_EQ(all.size(), 10U);
  EXPECT_TRUE(std::ranges::is_sorted(all, std::ranges::less_equal{}));
}

TEST_F(LocalKeyValueScan, ALimitThatMeetsTheEndSaysSo) {
  Fill("k", 3);
  ScanRequest request;
  request.set_limit(3);
  CollectingSink<ScanResponse> sink;
  ASSERT_TRUE(Scan(request, sink));
  EXPECT_EQ(KeysOf(sink).size(), 3U);
  EXPECT_EQ(sink.messages.back().checkpoint().page_token(), "");
}

TEST_F(LocalKeyValueScan, ATokenIsForItsQuery) {
  Fill("k", 10);
  ScanRequest request;
  request.set_prefix("k");
  request.set_limit(3);
  CollectingSink<ScanResponse> sink;
  ASSERT_TRUE(Scan(request, sink));
  request.set_page_token(sink.messages.back().checkpoint().page_token());
  request.set_prefix("k0");
  const Status other_prefix = Scan(request, sink);
  ASSERT_FALSE(other_prefix);
  EXPECT_EQ(other_prefix.error().reason(), "PAGE_TOKEN_MISMATCH");

  ScanKeysRequest keys;
  keys.set_prefix("k");
  keys.set_page_token(request.page_token());
  CollectingSink<ScanKeysResponse> keys_sink;
  TestCall call(engine_.clock.Now());
  const Status other_method = RunNow(scan().ScanKeys(*call, keys, keys_sink.sink()));
  ASSERT_FALSE(other_method);
  EXPECT_EQ(other_method.error().reason(), "PAGE_TOKEN_MISMATCH");
}

TEST_F(LocalKeyValueScan, KeysOnlyCarriesNeitherValueNorTags) {
  Fill("k", 2);
  ScanRequest request;
  request.set_keys_only(true);
  CollectingSink<ScanResponse> sink;
  ASSERT_TRUE(Scan(request, sink));
  EXPECT_EQ(sink.messages[0].entry().key(), "k00000");
  EXPECT_EQ(sink.messages[0].entry().value(), "");
  EXPECT_TRUE(sink.messages[0].entry().tags().empty());

  CollectingSink<ScanKeysResponse> keys;
  TestCall call(engine_.clock.Now());
  ASSERT_TRUE(RunNow(scan().ScanKeys(*call, ScanKeysRequest(), keys.sink())));
  ASSERT_EQ(keys.messages.size(), 3U);
  EXPECT_EQ(keys.messages[1].key(), "k00001");
  EXPECT_TRUE(keys.messages[2].has_checkpoint());
}

TEST_F(LocalKeyValueScan, ExpiredKeysAreNeitherScannedNorCountedNorReportedAsDeleted) {
  Fill("k", 5);
  Set("k_expiring", 1);
  EXPECT_EQ(Count("k"), 6);
  engine_.clock.Advance(1000);
  EXPECT_EQ(Count("k"), 5);
  CollectingSink<ScanResponse> sink;
  ASSERT_TRUE(Scan(ScanRequest(), sink));
  EXPECT_EQ(KeysOf(sink).size(), 5U);
  EXPECT_EQ(*DeletePrefix("k"), 5);
}

TEST_F(LocalKeyValueScan, StopsWhenTheReaderHasGone) {
  Fill("k", 10);
  CollectingSink<ScanResponse> sink;
  sink.capacity = 4;
  const Status status = Scan(ScanRequest(), sink);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), Code::kCancelled);
}

TEST_F(LocalKeyValueScan, RefusesBadArguments) {
  const auto reason = [this](auto change) {
    ScanRequest request;
    change(request);
    CollectingSink<ScanResponse> sink;
    const Status status = Scan(request, sink);
    EXPECT_TRUE(sink.messages.empty());
    return status ? "" : std::string(status.error().reason());
  };
  EXPECT_EQ(reason([](ScanRequest& r) { r.set_limit(-1); }), "LIMIT_NEGATIVE");
  EXPECT_EQ(reason([](ScanRequest& r) { r.set_prefix(std::string(1025, 'p')); }),
            "PREFIX_TOO_LONG");
  EXPECT_EQ(reason([](ScanRequest& r) { r.set_prefix(std::string("\0", 1)); }), "PREFIX_HAS_NUL");
  EXPECT_EQ(reason([](ScanRequest& r) { r.set_prefix("\xFF"); }), "PREFIX_NOT_UTF8");
  EXPECT_EQ(reason([](ScanRequest& r) { r.set_page_token("garbage"); }), "PAGE_TOKEN_MISMATCH");
  EXPECT_EQ(DeletePrefix("").error().reason(), "PREFIX_REQUIRED");
}

TEST_F(LocalKeyValueScan, DeletePrefixLeavesTheRest) {
  Fill("a/", 3000);
  Fill("b/", 2);
  EXPECT_EQ(*DeletePrefix("a/"), 3000);
  EXPECT_EQ(Count(""), 2);
  EXPECT_EQ(*DeletePrefix("a/"), 0);
}

TEST_F(LocalKeyValueScan, DeletePrefixWithAnIdReportsTheFirstOutcome) {
  Fill("a/", 2500);
  EXPECT_EQ(*DeletePrefix("a/", "id"), 2500);
  Fill("a/", 10);
  EXPECT_EQ(*DeletePrefix("a/", "id"), 2500);
  EXPECT_EQ(Count("a/"), 10) << "the repetition deleted again";
  EXPECT_EQ(DeletePrefix("b/", "id").error().reason(), "REQUEST_ID_REUSED");
}

// Starts the call, which lets other work run after its first page, and cancels it then.
runtime::Task<Status> StartAndCancel(runtime::Task<Status> started, contract::CallContext& ctx) {
  runtime::TaskGroup group;
  std::optional<Status> status;
  group.Spawn(testing::Keep(std::move(started), status));
  ctx.cancel().Cancel(runtime::CancelReason::kClientGone);
  co_await group.Join();
  co_return *std::move(status);
}

TEST_F(LocalKeyValueScan, ACancelledScanEndsBetweenPages) {
  Fill("k", 1000);
  TestCall call(engine_.clock.Now());
  const ScanRequest request;
  CollectingSink<ScanResponse> sink;
  const Status cancelled = runtime::RunOnNewShard(
      [&] { return StartAndCancel(scan().Scan(*call, request, sink.sink()), *call); });
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code(), Code::kCancelled);
  EXPECT_EQ(sink.messages.size(), 250U) << "one page";
}

TEST_F(LocalKeyValueScan, ABrokenOffDeletePrefixGoesOn) {
  Fill("a/", 2500);
  TestCall call(engine_.clock.Now());
  DeletePrefixRequest request;
  request.set_prefix("a/");
  request.set_request_id("id");
  DeletePrefixResponse response;
  const Status broken_off = runtime::RunOnNewShard(
      [&] { return StartAndCancel(scan().DeletePrefix(*call, request, response), *call); });
  ASSERT_FALSE(broken_off);
  EXPECT_EQ(broken_off.error().code(), Code::kCancelled);
  EXPECT_EQ(Count("a/"), 1500);
  EXPECT_EQ(*DeletePrefix("a/", "id"), 2500) << "the repetition reports both parts";
  EXPECT_EQ(Count("a/"), 0);
}

TEST_F(LocalKeyValueScan, LongWorkLetsOthersRun) {
  Fill("a/", 10'000);
  struct Racer {
    static runtime::Task<Status> Run(KeyValueScan& scan, contract::CallContext& ctx,
                                     bool& other_ran) {
      runtime::TaskGroup group;
      std::optional<Status> status;
      CountResponse response;
      const CountRequest request;
      group.Spawn(testing::Keep(scan.Count(ctx, request, response), status));
      other_ran = !status.has_value();
      co_await group.Join();
      EXPECT_EQ(response.count(), 10'000);
      co_return *std::move(status);
    }
  };
  TestCall call(engine_.clock.Now());
  bool other_ran = false;
  EXPECT_TRUE(runtime::RunOnNewShard([&] { return Racer::Run(scan(), *call, other_ran); }));
  EXPECT_TRUE(other_ran) << "the count kept its shard to itself";
}

}  // namespace
}  // namespace prism::engine
