#include "rpc/services/health.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "contract/call_context.h"
#include "runtime/sync_wait.h"

namespace prism::rpc {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

class HealthTest : public ::testing::Test {
 protected:
  HealthTest() : shards_(2), health_(shards_, {"a.Service"}) {
    EXPECT_TRUE(shards_.Start().has_value());
  }
  void TearDown() override { shards_.Stop(); }

  Result<int> Check(int shard, const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    google::protobuf::Arena arena;
    contract::CallContext ctx(arena);
    const Status status =
        runtime::RunOn(shards_.at(shard), [&] { return health_.Check(ctx, request, response); });
    if (!status) return std::unexpected(status.error());
    return static_cast<int>(response.status());
  }

  runtime::ShardPool shards_;
  HealthService health_;
};

// Collects what a watch writes; the test waits until enough has come.
class Collector final : public contract::MessageSink {
 public:
  runtime::Task<Status> Write(const google::protobuf::Message& message) override {
    seen.push_back(static_cast<const HealthCheckResponse&>(message).status());
    if (seen.size() == 2) two.set_value();
    co_return Status();
  }
  std::vector<int> seen;
  std::promise<void> two;
};

TEST_F(HealthTest, EveryShardAnswersForKnownServices) {
  EXPECT_EQ(Check(0, ""), static_cast<int>(HealthCheckResponse::NOT_SERVING));
  health_.SetAll(HealthCheckResponse::SERVING);
  for (const int shard : {0, 1}) {
    EXPECT_EQ(Check(shard, "a.Service"), static_cast<int>(HealthCheckResponse::SERVING));
    const auto unknown = Check(shard, "b.Service");
    ASSERT_FALSE(unknown.has_value());
    EXPECT_EQ(unknown.error().reason(), "SERVICE_UNKNOWN");
  }
}

TEST_F(HealthTest, AWatchTellsEveryChangeAndEndsWhenCancelled) {
  google::protobuf::Arena arena;
  contract::CallContext ctx(arena);
  HealthCheckRequest request;
  Collector collector;
  std::promise<Status> ended;
  runtime::TaskGroup group;
  struct Body {
    static runtime::Task<void> Run(HealthService& health, contract::CallContext& ctx,
                                   const HealthCheckRequest& request, Collector& collector,
                                   std::promise<Status>& ended) {
      ended.set_value(
          co_await health.Watch(ctx, request, contract::Sink<HealthCheckResponse>(collector)));
    }
    static runtime::Task<void> Join(runtime::TaskGroup* group) { co_await group->Join(); }
  };
  shards_.at(1).Post([&] { group.Spawn(Body::Run(health_, ctx, request, collector, ended)); });
  health_.SetAll(HealthCheckResponse::SERVING);
  collector.two.get_future().wait();
  shards_.at(1).Post([&] { ctx.cancel().Cancel(runtime::CancelReason::kClientGone); });
  const Status status = ended.get_future().get();
  // The answer is there a moment before the task that gave it is gone.
  runtime::RunOn(shards_.at(1), [&group] { return Body::Join(&group); });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code(), Code::kCancelled);
  EXPECT_EQ(collector.seen,
            (std::vector<int>{HealthCheckResponse::NOT_SERVING, HealthCheckResponse::SERVING}));
}

}  // namespace
}  // namespace prism::rpc
