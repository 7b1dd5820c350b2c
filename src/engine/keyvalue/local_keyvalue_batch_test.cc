// Batches and conditional writes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "engine/keyvalue/local_keyvalue.h"
#include "engine/testing/service_test.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

class LocalKeyValueWrites : public testing::ServiceTest {
 protected:
  std::string Set(const std::string& key, const std::string& value) {
    SetRequest request;
    request.set_key(key);
    request.set_value(value);
    return Call(&KeyValueBasic::Set, request).version();
  }
  GetResponse Get(const std::string& key) {
    GetRequest request;
    request.set_key(key);
    return Call(&KeyValueBasic::Get, request);
  }
};

TEST_F(LocalKeyValueWrites, BatchesAnswerPerItem) {
  BatchSetRequest set;
  for (const std::string key : {"a", "", "c", "d"}) set.add_items()->set_key(key);
  set.mutable_items(0)->set_value("1");
  testing::SetTtl(*set.mutable_items(2), -1);
  set.mutable_items(3)->set_value(std::string((4u << 20) + 1, 'x'));
  const auto written = Call(&KeyValueBatch::BatchSet, set);
  ASSERT_EQ(written.items_size(), 4);
  EXPECT_EQ(written.items(0).status().code(), 0);
  EXPECT_FALSE(written.items(0).version().empty());
  EXPECT_EQ(written.items(1).status().reason(), "KEY_EMPTY");
  EXPECT_EQ(written.items(2).status().reason(), "TTL_NOT_POSITIVE");
  EXPECT_EQ(written.items(3).status().reason(), "VALUE_TOO_LARGE");
  EXPECT_EQ(written.items(3).status().code(), static_cast<int>(Code::kResourceExhausted));

  BatchGetRequest get;
  for (const std::string key : {"a", "missing", ""}) get.add_keys(key);
  const auto got = Call(&KeyValueBatch::BatchGet, get);
  ASSERT_EQ(got.items_size(), 3);
  EXPECT_EQ(got.items(0).entry().key(), "a");
  EXPECT_EQ(got.items(0).entry().value(), "1");
  EXPECT_EQ(got.items(0).entry().version(), written.items(0).version());
  EXPECT_FALSE(got.items(1).found());
  EXPECT_EQ(got.items(1).status().code(), 0) << "absence is no error";
  EXPECT_EQ(got.items(2).status().reason(), "KEY_EMPTY");

  BatchDeleteRequest remove;
  for (const std::string key : {"a", "missing", ""}) remove.add_keys(key);
  const auto removed = Call(&KeyValueBatch::BatchDelete, remove);
  EXPECT_TRUE(removed.items(0).existed());
  EXPECT_FALSE(removed.items(1).existed());
  EXPECT_EQ(removed.items(2).status().reason(), "KEY_EMPTY");
}

TEST_F(LocalKeyValueWrites, BatchesAreBounded) {
  EXPECT_EQ(Reason(&KeyValueBatch::BatchGet, BatchGetRequest()), "BATCH_EMPTY");
  BatchGetRequest get;
  for (int i = 0; i < 1000; ++i) get.add_keys(std::to_string(i));
  EXPECT_EQ(Reason(&KeyValueBatch::BatchGet, get), "");
  get.add_keys("one more");
  EXPECT_EQ(Reason(&KeyValueBatch::BatchGet, get), "BATCH_TOO_LARGE");
}

TEST_F(LocalKeyValueWrites, AnAnswerBeyondTheMessageLimitIsRefused) {
  BatchGetRequest get;
  for (int i = 0; i < 5; ++i) {
    Set(std::to_string(i), std::string(1u << 20, 'x'));
    get.add_keys(std::to_string(i));
  }
  BatchGetResponse response;
  const Status status = Try(&KeyValueBatch::BatchGet, get, response);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason(), "RESPONSE_TOO_LARGE");
  EXPECT_NE(status.error().message().find("Scan"), std::string::npos);
}

TEST_F(LocalKeyValueWrites, ABatchWithAnIdIsDoneOnce) {
  BatchSetRequest set;
  set.set_request_id("id");
  set.add_items()->set_key("a");
  const std::string version = Call(&KeyValueBatch::BatchSet, set).items(0).version();
  EXPECT_EQ(Call(&KeyValueBatch::BatchSet, set).items(0).version(), version);
  set.add_items()->set_key("b");
  EXPECT_EQ(Reason(&KeyValueBatch::BatchSet, set), "REQUEST_ID_REUSED");
}

TEST_F(LocalKeyValueWrites, CompareAndSwapByEachExpectation) {
  CompareAndSwapRequest request;
  request.set_key("k");
  request.set_value("1");
  request.mutable_expect()->set_absent(true);
  const auto first = Call(&KeyValueCas::CompareAndSwap, request);
  EXPECT_TRUE(first.swapped());
  const auto second = Call(&KeyValueCas::CompareAndSwap, request);
  EXPECT_FALSE(second.swapped());
  EXPECT_EQ(second.version(), first.version());
  EXPECT_EQ(second.current().key(), "k");
  EXPECT_EQ(second.current().value(), "1");

  request.set_value("2");
  request.mutable_expect()->set_value("1");
  const auto by_value = Call(&KeyValueCas::CompareAndSwap, request);
  EXPECT_TRUE(by_value.swapped());
  request.set_value("3");
  request.mutable_expect()->set_version(first.version());
  EXPECT_FALSE(Call(&KeyValueCas::CompareAndSwap, request).swapped());
  request.mutable_expect()->set_version("garbage that no store gave");
  EXPECT_FALSE(Call(&KeyValueCas::CompareAndSwap, request).swapped());
  request.mutable_expect()->set_version(by_value.version());
  EXPECT_TRUE(Call(&KeyValueCas::CompareAndSwap, request).swapped());
  EXPECT_EQ(Get("k").value(), "3");

  request.set_key("missing");
  const auto missing = Call(&KeyValueCas::CompareAndSwap, request);
  EXPECT_FALSE(missing.swapped());
  EXPECT_EQ(missing.version(), "");
  EXPECT_FALSE(missing.has_current());
}

TEST_F(LocalKeyValueWrites, CompareAndDelete) {
  const std::string version = Set("k", "v");
  CompareAndDeleteRequest request;
  request.set_key("k");
  request.mutable_expect()->set_value("other");
  const auto kept = Call(&KeyValueCas::CompareAndDelete, request);
  EXPECT_FALSE(kept.deleted());
  EXPECT_EQ(kept.current().version(), version);
  request.mutable_expect()->set_version(version);
  EXPECT_TRUE(Call(&KeyValueCas::CompareAndDelete, request).deleted());
  EXPECT_FALSE(Get("k").found());
  request.mutable_expect()->set_absent(true);
  EXPECT_FALSE(Call(&KeyValueCas::CompareAndDelete, request).deleted())
      << "there was nothing to delete";
}

TEST_F(LocalKeyValueWrites, ExpectationsMustBeClear) {
  CompareAndSwapRequest request;
  request.set_key("k");
  EXPECT_EQ(Reason(&KeyValueCas::CompareAndSwap, request), "EXPECTATION_MISSING");
  request.mutable_expect();
  EXPECT_EQ(Reason(&KeyValueCas::CompareAndSwap, request), "EXPECTATION_MISSING");
  request.mutable_expect()->set_absent(false);
  EXPECT_EQ(Reason(&KeyValueCas::CompareAndSwap, request), "EXPECTATION_ABSENT_FALSE");
  request.mutable_expect()->set_version("");
  EXPECT_EQ(Reason(&KeyValueCas::CompareAndSwap, request), "EXPECTATION_VERSION_EMPTY");
}

TEST_F(LocalKeyValueWrites, Increment) {
  IncrementRequest request;
  request.set_key("n");
  request.set_delta(5);
  EXPECT_EQ(Call(&KeyValueCas::Increment, request).value(), 5);
  request.set_delta(-7);
  const auto response = Call(&KeyValueCas::Increment, request);
  EXPECT_EQ(response.value(), -2);
  EXPECT_EQ(Get("n").value(), "-2");
  EXPECT_EQ(Get("n").version(), response.version());

  Set("n", std::to_string(std::numeric_limits<std::int64_t>::max()));
  request.set_delta(1);
  EXPECT_EQ(Reason(&KeyValueCas::Increment, request), "INTEGER_OVERFLOW");
  for (const std::string text : {"", "x", "1.5", " 1", "1 ", "+1", "0x1", "9223372036854775808"}) {
    Set("n", text);
    EXPECT_EQ(Reason(&KeyValueCas::Increment, request), "NOT_AN_INTEGER") << text;
    EXPECT_EQ(Get("n").value(), text);
  }
}

TEST_F(LocalKeyValueWrites, IncrementKeepsExpiryAndTags) {
  SetRequest set;
  set.set_key("n");
  set.set_value("1");
  testing::SetTtl(set, 10);
  (*set.mutable_tags())["t"] = "1";
  Call(&KeyValueBasic::Set, set);
  IncrementRequest request;
  request.set_key("n");
  request.set_delta(1);
  Call(&KeyValueCas::Increment, request);
  const auto got = Get("n");
  EXPECT_EQ(got.value(), "2");
  EXPECT_TRUE(got.has_expire_time());
  EXPECT_EQ(got.tags().at("t"), "1");
}

TEST_F(LocalKeyValueWrites, ARepeatedIncrementAddsOnce) {
  IncrementRequest request;
  request.set_key("n");
  request.set_delta(5);
  request.set_request_id("id");
  EXPECT_EQ(Call(&KeyValueCas::Increment, request).value(), 5);
  EXPECT_EQ(Call(&KeyValueCas::Increment, request).value(), 5);
  EXPECT_EQ(Get("n").value(), "5");

  // Errors are not remembered.
  Set("n", "no number");
  request.set_request_id("other");
  EXPECT_EQ(Reason(&KeyValueCas::Increment, request), "NOT_AN_INTEGER");
  Set("n", "1");
  EXPECT_EQ(Call(&KeyValueCas::Increment, request).value(), 6);
}

}  // namespace
}  // namespace prism::engine
