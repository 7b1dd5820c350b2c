// The slow-request log and the lines about calls, without a gateway.
#include "gateway/slow_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "contract/all_interfaces.h"
#include "gateway/call_log.h"
#include "gateway/method_table.h"
#include "gateway/testing/fake_call.h"

namespace prism::gateway {
namespace {

using ::testing::ElementsAre;
using testing::FakeCall;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr MonoNanos kSecond = kNanosPerSecond;

const contract::MethodInfo& Method(std::string_view path) {
  static const MethodTable table(contract::AllInterfaces(), {});
  return *table.Find(path);
}
const contract::MethodInfo& Get() { return Method("/prism.keyvalue.v1.KeyValueBasic/Get"); }

SlowRequest Named(std::size_t i) {
  SlowRequest request;
  request.request_id = std::to_string(i);
  return request;
}

TEST(SlowLogTest, KeepsTheNewest) {
  SlowLog log;
  for (std::size_t count : {0u, 1u, 127u, 128u, 129u, 300u}) {
    while (log.total() < count) log.Add(Named(log.total()));
    const SlowSample sample = log.Sample();
    EXPECT_EQ(sample.total, count);
    ASSERT_EQ(sample.kept.size(), std::min(count, SlowLog::kKept));
    for (std::size_t i = 0; i < sample.kept.size(); ++i) {
      EXPECT_EQ(sample.kept[i].request_id, std::to_string(count - sample.kept.size() + i));
    }
  }
}

TEST(SlowLogTest, NothingIsSlowUnlessThereIsAThreshold) {
  SlowLog log;
  EXPECT_FALSE(log.IsSlow(3600 * kSecond));
  log.SetThreshold(kSecond);
  EXPECT_FALSE(log.IsSlow(kSecond - 1));
  EXPECT_TRUE(log.IsSlow(kSecond));
  EXPECT_EQ(log.Sample().threshold, kSecond);
  log.SetThreshold(0);
  EXPECT_FALSE(log.IsSlow(3600 * kSecond));
  EXPECT_EQ(log.Sample().threshold, 0);
}

TEST(SlowLogTest, JudgesStreamsByTheirFirstMessage) {
  const rpc::CallAccount silent;
  const rpc::CallAccount answered{.first_message_at = 3 * kSecond};
  EXPECT_EQ(JudgedDuration(Get(), silent, kSecond, 9 * kSecond), 8 * kSecond);
  const auto& scan = Method("/prism.keyvalue.v1.KeyValueScan/Scan");
  EXPECT_EQ(JudgedDuration(scan, silent, kSecond, 9 * kSecond), 8 * kSecond);
  EXPECT_EQ(JudgedDuration(scan, answered, kSecond, 9 * kSecond), 2 * kSecond);
  contract::MethodInfo chat = Get();
  chat.kind = contract::StreamKind::kBidi;
  EXPECT_EQ(JudgedDuration(chat, silent, kSecond, 9 * kSecond), 0);
}

TEST(LineLimitTest, LeavesOutAndCounts) {
  telemetry::LineLimit limit;
  for (int second = 1; second <= 3; ++second) {
    const MonoNanos now = second * kSecond;
    for (int i = 0; i < telemetry::LineLimit::kLines; ++i) {
      const auto left_out = limit.Take(now + i);
      ASSERT_TRUE(left_out);
      EXPECT_EQ(*left_out, second > 1 && i == 0 ? 5u : 0u);
    }
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(limit.Take(now + kSecond - 1));
  }
}

class CallLogTest : public ::testing::Test {
 protected:
  void Log(telemetry::LogLevel level) { log_.SetLevel(level); }

  std::vector<std::string> lines_;
  telemetry::Logger log_{
      telemetry::LogLevel::kInfo, telemetry::LogFormat::kText,
      [this](std::string_view line) { lines_.emplace_back(line.substr(line.find('Z') + 2)); }};
  CallLog calls_{log_};
  FakeCall call_{Get(), ""};
};

TEST_F(CallLogTest, OurFailuresAreErrorsWithTheirMessage) {
  call_.context().ns = "orders";
  calls_.Failed(Get(), call_, Error(Code::kDataLoss, "FILE_DAMAGED", "page 7"), kSecond);
  EXPECT_THAT(lines_, ElementsAre("ERROR call failed method=keyvalue_basic.get namespace=orders "
                                  "protocol=connect peer=127.0.0.1:1 request_id=a-request "
                                  "code=DATA_LOSS reason=FILE_DAMAGED message=\"page 7\""));
}

TEST_F(CallLogTest, WhatClientsDoWrongIsForDebuggingWithoutTheMessage) {
  const Error error(Code::kNotFound, "NAMESPACE_NOT_FOUND", "there is no \"customer-4711\"");
  calls_.Failed(Get(), call_, error, kSecond);
  calls_.Refused(nullptr, call_, error);
  EXPECT_THAT(lines_, ElementsAre());
  Log(telemetry::LogLevel::kDebug);
  calls_.Failed(Get(), call_, error, kSecond);
  calls_.Refused(nullptr, call_, error);
  EXPECT_THAT(lines_,
              ElementsAre("DEBUG call refused method=keyvalue_basic.get protocol=connect "
                          "peer=127.0.0.1:1 request_id=a-request code=NOT_FOUND "
                          "reason=NAMESPACE_NOT_FOUND",
                          "DEBUG call refused method=unknown protocol=connect peer=127.0.0.1:1 "
                          "request_id=a-request code=NOT_FOUND reason=NAMESPACE_NOT_FOUND"));
}

TEST_F(CallLogTest, LinesSayTheTrace) {
  telemetry::IdSource ids(1);
  call_.context().trace.Begin("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "", ids);
  const std::string span(call_.context().trace.span_id());
  calls_.Failed(Get(), call_, Error(Code::kInternal, "BUG", "sorry"), kSecond);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr(" trace_id=0af7651916cd43dd8448eb211c80319c span_id=" +
                                            span + " code=INTERNAL")));
}

TEST_F(CallLogTest, AFloodOfSlowRequestsIsLeftOutAndCounted) {
  SlowRequest request;
  request.method = Get().label;
  request.duration = 1500 * kNanosPerMilli + 250'000;
  request.bytes_in = 3;
  for (int i = 0; i < 30; ++i) calls_.Slow(request, call_, kSecond);
  ASSERT_EQ(lines_.size(), 10u);
  EXPECT_EQ(lines_[9],
            "WARN  slow request method=keyvalue_basic.get protocol=connect peer=127.0.0.1:1 "
            "request_id=a-request duration_ms=1500.25 code=OK bytes_in=3 bytes_out=0");
  calls_.Slow(request, call_, 2 * kSecond);
  calls_.Slow(request, call_, 2 * kSecond);
  EXPECT_THAT(lines_[10], HasSubstr(" left_out=20"));
  EXPECT_THAT(lines_[11], Not(HasSubstr("left_out")));
}

}  // namespace
}  // namespace prism::gateway
