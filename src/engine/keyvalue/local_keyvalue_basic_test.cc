#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/keyvalue/local_keyvalue.h"
#include "engine/testing/service_test.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model
using testing::MemoryEngine;
using testing::RunNow;
using testing::SetTtl;
using testing::TestCall;

class LocalKeyValueBasic : public testing::ServiceTest {
 protected:
  SetResponse Set(const SetRequest& request) {
    TestCall call(engine_.clock.Now());
    SetResponse response;
    const Status status = RunNow(basic().Set(*call, request, response));
    EXPECT_TRUE(status) << status.error().ToString();
    EXPECT_EQ(call->durability, contract::Durability::kMemory);
    return response;
  }
  SetResponse Set(const std::string& key, const std::string& value) {
    SetRequest request;
    request.set_key(key);
    request.set_value(value);
    return Set(request);
  }
  Error FailSet(const SetRequest& request) {
    TestCall call(engine_.clock.Now());
    SetResponse response;
    Status status = RunNow(basic().Set(*call, request, response));
    EXPECT_FALSE(status);
    EXPECT_FALSE(call->durability);
    return status.error();
  }
  GetResponse Get(const std::string& key) {
    GetRequest request;
    request.set_key(key);
    return Call(&KeyValueBasic::Get, request);
  }
  bool Delete(const std::string& key) {
    DeleteRequest request;
    request.set_key(key);
    return Call(&KeyValueBasic::Delete, request).existed();
  }
  bool Exists(const std::string& key) {
    ExistsRequest request;
    request.set_key(key);
    return Call(&KeyValueBasic::Exists, request).exists();
  }
  GetTTLResponse GetTtl(const std::string& key) {
    GetTTLRequest request;
    request.set_key(key);
    return Call(&KeyValueTtl::GetTTL, request);
  }
  KeyValueBasic& basic() { return engine_.service<KeyValueBasic>(); }
};

TEST_F(LocalKeyValueBasic, SetGetDelete) {
  EXPECT_FALSE(Get("k").found());
  EXPECT_FALSE(Delete("k"));
  const std::string version = Set("k", "v").version();
  EXPECT_LE(version.size(), 13U);
  const GetResponse got = Get("k");
  EXPECT_TRUE(got.found());
  EXPECT_EQ(got.value(), "v");
  EXPECT_EQ(got.version(), version);
  EXPECT_FALSE(got.has_expire_time());
  EXPECT_TRUE(Exists("k"));
  EXPECT_TRUE(Delete("k"));
  EXPECT_FALSE(Exists("k"));
  EXPECT_NE(Set("k", "v").version(), version) << "a version came back after a removal";
}

TEST_F(LocalKeyValueBasic, AnEmptyValueIsAValue) {
  Set("k", "");
  EXPECT_TRUE(Get("k").found());
  EXPECT_EQ(Get("k").value(), "");
}

TEST_F(LocalKeyValueBasic, AwkwardKeysAreKeys) {
  for (const std::string key :
       {"/", "..", "%", "\x01\x02", "e\xCC\x81", "\xF0\x9F\xA6\x80", " ", "a/../b"}) {
    Set(key, "of " + key);
    EXPECT_EQ(Get(key).value(), "of " + key);
  }
  Set(std::string(1024, 'k'), "longest");
  EXPECT_EQ(Get(std::string(1024, 'k')).value(), "longest");
  EXPECT_FALSE(Exists("\xC3\xA9")) << "keys are not normalised";
}

TEST_F(LocalKeyValueBasic, TagsComeBack) {
  SetRequest request;
  request.set_key("k");
  (*request.mutable_tags())["a"] = "1";
  (*request.mutable_tags())["b"] = std::string(256, 'x');
  Set(request);
  EXPECT_EQ(Get("k").tags().size(), 2U);
  EXPECT_EQ(Get("k").tags().at("b"), std::string(256, 'x'));
  Set("k", "without");
  EXPECT_TRUE(Get("k").tags().empty());
}

TEST_F(LocalKeyValueBasic, ExpiresAtTheMillisecond) {
  SetRequest request;
  request.set_key("k");
  SetTtl(request, 1, 500'000'000);
  Set(request);
  const WallMillis expires = engine_.clock.Now() + 1500;
  EXPECT_EQ(Get("k").expire_time().seconds(), expires / 1000);
  EXPECT_EQ(Get("k").expire_time().nanos(), expires % 1000 * 1'000'000);
  engine_.clock.Advance(1499);
  EXPECT_TRUE(Exists("k"));
  EXPECT_EQ(GetTtl("k").state(), GetTTLResponse::EXPIRING);
  EXPECT_EQ(GetTtl("k").ttl().nanos(), 1'000'000);
  engine_.clock.Advance(1);
  EXPECT_FALSE(Exists("k"));
  EXPECT_FALSE(Get("k").found());
  EXPECT_FALSE(Delete("k"));
  EXPECT_EQ(GetTtl("k").state(), GetTTLResponse::MISSING);
}

TEST_F(LocalKeyValueBasic, TheShortestTtlIsAMillisecond) {
  SetRequest request;
  request.set_key("k");
  SetTtl(request, 0, 1);
  Set(request);
  EXPECT_TRUE(Exists("k"));
  engine_.clock.Advance(1);
  EXPECT_FALSE(Exists("k"));
}

TEST_F(LocalKeyValueBasic, SetWithoutTtlClearsTheExpiry) {
  SetRequest request;
  request.set_key("k");
  SetTtl(request, 1);
  Set(request);
  Set("k", "again");
  engine_.clock.Advance(10'000);
  EXPECT_TRUE(Exists("k"));
  EXPECT_EQ(GetTtl("k").state(), GetTTLResponse::PERSISTENT);
}

TEST_F(LocalKeyValueBasic, ExpireAndPersistKeepValueAndVersion) {
  const std::string version = Set("k", "v").version();
  ExpireRequest expire;
  expire.set_key("k");
  SetTtl(expire, 5);
  EXPECT_TRUE(Call(&KeyValueTtl::Expire, expire).existed());
  EXPECT_EQ(GetTtl("k").ttl().seconds(), 5);
  EXPECT_EQ(Get("k").version(), version);

  PersistRequest persist;
  persist.set_key("k");
  EXPECT_TRUE(Call(&KeyValueTtl::Persist, persist).removed());
  EXPECT_FALSE(Call(&KeyValueTtl::Persist, persist).removed());

  expire.set_key("missing");
  EXPECT_FALSE(Call(&KeyValueTtl::Expire, expire).existed());
  expire.clear_ttl();
  EXPECT_EQ(Reason(&KeyValueTtl::Expire, expire), "TTL_REQUIRED");
}

TEST_F(LocalKeyValueBasic, RefusesBadFieldsAndChangesNothing) {
  const auto with = [](auto change) {
    SetRequest request;
    request.set_key("k");
    request.set_value("v");
    change(request);
    return request;
  };
  const std::vector<std::pair<SetRequest, std::string_view>> cases = {
      {with([](SetRequest& r) { r.set_key(""); }), "KEY_EMPTY"},
      {with([](SetRequest& r) { r.set_key(std::string(1025, 'k')); }), "KEY_TOO_LONG"},
      {with([](SetRequest& r) { r.set_key(std::string("a\0b", 3)); }), "KEY_HAS_NUL"},
      {with([](SetRequest& r) { r.set_key("\xFF"); }), "KEY_NOT_UTF8"},
      {with([](SetRequest& r) { r.set_value(std::string((4u << 20) + 1, 'v')); }),
       "VALUE_TOO_LARGE"},
      {with([](SetRequest& r) { SetTtl(r, 0); }), "TTL_NOT_POSITIVE"},
      {with([](SetRequest& r) { SetTtl(r, -1); }), "TTL_NOT_POSITIVE"},
      {with([](SetRequest& r) { SetTtl(r, 0, -1); }), "TTL_NOT_POSITIVE"},
      {with([](SetRequest& r) { SetTtl(r, 1, -1); }), "TTL_INVALID"},
      {with([](SetRequest& r) { SetTtl(r, 315'576'000'001); }), "TTL_INVALID"},
      {with([](SetRequest& r) { SetTtl(r, 315'576'000'000); }), "TTL_TOO_LARGE"},
      {with([](SetRequest& r) { r.set_request_id(std::string(129, 'i')); }), "REQUEST_ID_TOO_LONG"},
      {with([](SetRequest& r) { (*r.mutable_tags())[""] = "x"; }), "TAG_KEY_SIZE"},
      {with([](SetRequest& r) { (*r.mutable_tags())[std::string(129, 't')] = "x"; }),
       "TAG_KEY_SIZE"},
      {with([](SetRequest& r) { (*r.mutable_tags())["t"] = std::string(257, 'x'); }),
       "TAG_VALUE_SIZE"},
      {with([](SetRequest& r) {
         for (int i = 0; i < 17; ++i) (*r.mutable_tags())[std::to_string(i)] = "x";
       }),
       "TAGS_TOO_MANY"},
  };
  for (const auto& [request, reason] : cases) {
    const Error error = FailSet(request);
    EXPECT_EQ(error.reason(), reason);
    EXPECT_FALSE(error.fields().empty()) << reason;
    EXPECT_FALSE(Exists("k"));
  }
}

TEST_F(LocalKeyValueBasic, ARequestIdIsDoneOnce) {
  SetRequest request;
  request.set_key("k");
  request.set_value("first");
  request.set_request_id("id-1");
  const std::string version = Set(request).version();
  Set("k", "second");
  EXPECT_EQ(Set(request).version(), version);
  EXPECT_EQ(Get("k").value(), "second");

  request.set_value("other");
  EXPECT_EQ(FailSet(request).reason(), "REQUEST_ID_REUSED");

  request.set_value("first");
  engine_.clock.Advance(10 * 60 * 1000);
  EXPECT_NE(Set(request).version(), version) << "after the window the id is free";
}

TEST_F(LocalKeyValueBasic, RequestIdsBelongToAPrincipalAndAMethod) {
  SetRequest request;
  request.set_key("k");
  request.set_request_id("id");
  const std::string version = Set(request).version();
  TestCall call(engine_.clock.Now(), "somebody");
  SetResponse response;
  ASSERT_TRUE(RunNow(basic().Set(*call, request, response)));
  EXPECT_NE(response.version(), version);

  DeleteRequest remove;
  remove.set_key("k");
  remove.set_request_id("id");
  DeleteResponse removed;
  ASSERT_TRUE(RunNow(basic().Delete(*call, remove, removed)));
  EXPECT_TRUE(removed.existed());
  removed.Clear();
  ASSERT_TRUE(RunNow(basic().Delete(*call, remove, removed)));
  EXPECT_TRUE(removed.existed()) << "the repetition reports what the first call did";
}

TEST(LocalKeyValueLimits, QuotaCountsLiveEntries) {
  MemoryEngine engine({.name = "test", .max_keys = 2});
  auto& basic = engine.service<KeyValueBasic>();
  const auto set = [&](const std::string& key, std::int64_t ttl_seconds) {
    TestCall call(engine.clock.Now());
    SetRequest request;
    request.set_key(key);
    if (ttl_seconds != 0) SetTtl(request, ttl_seconds);
    SetResponse response;
    return RunNow(basic.Set(*call, request, response));
  };
  EXPECT_TRUE(set("a", 1));
  EXPECT_TRUE(set("b", 0));
  EXPECT_TRUE(set("b", 0)) << "overwriting takes no new key";
  const Status full = set("c", 0);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().reason(), "QUOTA_EXCEEDED");
  engine.clock.Advance(1000);
  EXPECT_TRUE(set("c", 0)) << "what has expired makes room";
}

TEST(LocalKeyValueLimits, RefusesAtTheMemoryLimitAndNeverEvicts) {
  MemoryEngine engine({.name = "test"}, 64 * 1024);
  auto& basic = engine.service<KeyValueBasic>();
  std::size_t stored = 0;
  Status status;
  for (; status && stored < 1000; ++stored) {
    TestCall call(engine.clock.Now());
    SetRequest request;
    request.set_key("key" + std::to_string(stored));
    request.set_value(std::string(1000, 'v'));
    SetResponse response;
    status = RunNow(basic.Set(*call, request, response));
  }
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason(), "MEMORY_LIMIT");
  --stored;
  EXPECT_GT(stored, 40U);
  EXPECT_LE(engine.budget.used(), engine.budget.max_bytes());
  for (std::size_t i = 0; i < stored; ++i) {
    TestCall call(engine.clock.Now());
    DeleteRequest request;
    request.set_key("key" + std::to_string(i));
    DeleteResponse response;
    ASSERT_TRUE(RunNow(basic.Delete(*call, request, response)));
    EXPECT_TRUE(response.existed()) << i;
  }
  EXPECT_EQ(engine.budget.used(), 0U);
}

}  // namespace
}  // namespace prism::engine
