#include "models/keyvalue/batch.h"

#include <gtest/gtest.h>

#include <string>

namespace prism::models {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model

TEST(Batch, EachItemIsCheckedByItself) {
  BatchSetRequest request;
  BatchSetRequest::Item& good = *request.add_items();
  good.set_key("good");
  good.set_value("value");
  good.mutable_ttl()->set_seconds(1);
  request.add_items()->set_value("no key");
  BatchSetRequest::Item& large = *request.add_items();
  large.set_key("large");
  large.set_value(std::string(11, 'v'));

  const auto prepared = PrepareWrites(request, 10, 1000);
  ASSERT_EQ(prepared.size(), 3U);
  ASSERT_TRUE(prepared[0]);
  const KeyValueWrite write = prepared[0]->WriteOf(request.items(0));
  EXPECT_EQ(write.value, "value");
  EXPECT_EQ(write.expires_at, 2000);
  ASSERT_FALSE(prepared[1]);
  EXPECT_EQ(prepared[1].error().reason(), "KEY_EMPTY");
  ASSERT_FALSE(prepared[2]);
  EXPECT_EQ(prepared[2].error().reason(), "VALUE_TOO_LARGE");
}

TEST(Batch, AnAnswerIsNotLargerThanCanBeSent) {
  ResponseRoom room(200);
  EXPECT_TRUE(room.Add("key", 50));    // 117
  EXPECT_TRUE(room.Add("absent", 0));  // 187
  const Status full = room.Add("key", 0);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().reason(), "RESPONSE_TOO_LARGE");
}

TEST(Batch, EachItemHasAStatus) {
  BatchGetResponse response;
  AddFound("key", {.value = "value", .version = "r:1"}, response);
  AddAbsent(response);
  AddFailed(Error(Code::kInvalidArgument, "KEY_EMPTY", "advice"), response);
  AddFound("damaged", {.value = "value", .tags = "\x05", .version = "1"}, response);
  ASSERT_EQ(response.items_size(), 4);
  for (const auto& item : response.items()) EXPECT_TRUE(item.has_status());
  EXPECT_EQ(response.items(0).entry().key(), "key");
  EXPECT_EQ(response.items(0).entry().version(), "r:1");
  EXPECT_FALSE(response.items(1).found());
  EXPECT_EQ(response.items(1).status().code(), 0);
  EXPECT_EQ(response.items(2).status().code(), 3);
  EXPECT_EQ(response.items(2).status().reason(), "KEY_EMPTY");
  EXPECT_EQ(response.items(3).status().reason(), "RECORD_DAMAGED");
}

}  // namespace
}  // namespace prism::models
