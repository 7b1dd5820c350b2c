#include "engine/store.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/testing/harness.h"
#include "runtime/sync_wait.h"

namespace prism::engine {
namespace {

class CounterStore final : public ModelStore {
 public:
  Result<bool> Sweep(WallMillis, std::size_t) override { return false; }
  int value = 0;
};

class NoRequests final : public DedupStore {
 public:
  void Enter(const models::Digest&) override {}
  void Leave(const models::Digest&) override {}
  Result<std::optional<RememberedAnswer>> Find(const models::Digest&, WallMillis) override {
    return std::nullopt;
  }
  Status Remember(const models::Digest&, const models::Digest&, std::string_view,
                  WallMillis) override {
    return {};
  }
};

// A store as SQLite's: a thread takes the work, here one piece after the other, when the test lets
// it.
class QueueStore final : public Store {
 public:
  QueueStore() : Store({.name = "test"}), thread_([this] { Work(); }) {}
  ~QueueStore() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  contract::Durability durability() const override { return contract::Durability::kFsynced; }
  Status SubmitRead(StoreWork& work) override { return SubmitWrite(work); }
  Status SubmitWrite(StoreWork& work) override {
    struct Node {
      explicit Node(StoreWork& w) : work(&w) {}
      StoreWork* work;
    };
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= max_queue) {
      return std::unexpected(
          Error(Code::kResourceExhausted, "STORE_OVERLOADED", "The queue is full."));
    }
    queue_.push_back(work.MakeNode<Node>(work).work);
    changed_.notify_all();
    return {};
  }

  void Hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void Release() {
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
    }
    changed_.notify_all();
  }
  void WaitForQueue(std::size_t size) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return queue_.size() >= size; });
  }

  std::size_t max_queue = 100;
  std::optional<Error> commit_error;
  int runs_per_work = 1;
  CounterStore counter;

 private:
  void Work() {
    std::array<ModelStore*, 1> models = {&counter};
    const Session session(models, dedup_);
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopping_ || (!held_ && !queue_.empty()); });
      if (queue_.empty()) return;
      StoreWork* work = queue_.front();
      queue_.pop_front();
      if (work->Abandoned(MonotonicNow())) {
        work->Drop();
      } else {
        for (int i = 0; i < runs_per_work; ++i) work->Run(session);
        if (commit_error) work->Fail(*commit_error);
      }
      work->Finish();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<StoreWork*> queue_;
  bool held_ = false;
  bool stopping_ = false;
  NoRequests dedup_;
  std::thread thread_;
};

// One write that adds to the counter and answers the sum.
runtime::Task<Result<int>> Add(Store& store, contract::CallContext& ctx, int amount) {
  const StoreHandle<CounterStore> handle(store, 0);
  const int thread_check = runtime::Shard::Current()->id();
  auto sum = co_await handle.Write(ctx, [amount](CounterStore& counter) -> Result<int> {
    EXPECT_EQ(runtime::Shard::Current(), nullptr) << "the closure ran on a shard";
    return counter.value += amount;
  });
  EXPECT_EQ(runtime::Shard::Current()->id(), thread_check) << "the coroutine came back elsewhere";
  co_return sum;
}

TEST(StoreOperation, RunsOnTheStoreAndComesBack) {
  QueueStore store;
  testing::TestCall call(1);
  const auto sum = runtime::RunOnNewShard([&] { return Add(store, *call, 5); });
  ASSERT_TRUE(sum);
  EXPECT_EQ(*sum, 5);
}

TEST(StoreOperation, ReportsWhatTheCommitReports) {
  QueueStore store;
  store.commit_error = Error(Code::kResourceExhausted, "DISK_FULL", "No room.");
  testing::TestCall call(1);
  const auto sum = runtime::RunOnNewShard([&] { return Add(store, *call, 5); });
  ASSERT_FALSE(sum);
  EXPECT_EQ(sum.error().reason(), "DISK_FULL");
}

TEST(StoreOperation, MayRunAgainAfterARollback) {
  QueueStore store;
  store.runs_per_work = 3;
  testing::TestCall call(1);
  const auto sum = runtime::RunOnNewShard([&] { return Add(store, *call, 1); });
  EXPECT_EQ(sum, 3) << "the last run's result counts";
}

TEST(StoreOperation, AFullQueueIsAnAnswer) {
  QueueStore store;
  store.max_queue = 0;
  testing::TestCall call(1);
  const auto sum = runtime::RunOnNewShard([&] { return Add(store, *call, 5); });
  ASSERT_FALSE(sum);
  EXPECT_EQ(sum.error().reason(), "STORE_OVERLOADED");
}

TEST(StoreOperation, ADeadlineThatPassedInTheQueueDropsTheWork) {
  QueueStore store;
  testing::TestCall call(1);
  call->deadline = MonotonicNow() - 1;
  const auto sum = runtime::RunOnNewShard([&] { return Add(store, *call, 5); });
  ASSERT_FALSE(sum);
  EXPECT_EQ(sum.error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(store.counter.value, 0) << "it was applied";
}

// Cancels once the store has the work, then lets it go on.
runtime::Task<void> CancelQueued(QueueStore& store, contract::CallContext& ctx,
                                 runtime::CancelReason reason) {
  store.WaitForQueue(1);
  ctx.cancel().Cancel(reason);
  store.Release();
  co_return;
}

runtime::Task<Result<int>> AddAndCancel(QueueStore& store, contract::CallContext& ctx,
                                        runtime::CancelReason reason) {
  runtime::TaskGroup group;
  store.Hold();
  std::optional<Result<int>> sum;
  struct Start {
    static runtime::Task<void> Run(QueueStore& to, contract::CallContext& in,
                                   std::optional<Result<int>>& out) {
      out.emplace(co_await Add(to, in, 5));
    }
  };
  group.Spawn(Start::Run(store, ctx, sum));
  group.Spawn(CancelQueued(store, ctx, reason));
  co_await group.Join();
  co_return *std::move(sum);
}

TEST(StoreOperation, CancelledInTheQueueItIsNotApplied) {
  using runtime::CancelReason;
  const std::vector<std::pair<CancelReason, Code>> cases = {
      {CancelReason::kClientGone, Code::kCancelled},
      {CancelReason::kDeadline, Code::kDeadlineExceeded},
      {CancelReason::kShutdown, Code::kUnavailable}};
  for (const auto& [reason, code] : cases) {
    QueueStore store;
    testing::TestCall call(1);
    const auto sum = runtime::RunOnNewShard([&] { return AddAndCancel(store, *call, reason); });
    ASSERT_FALSE(sum);
    EXPECT_EQ(sum.error().code(), code);
    EXPECT_EQ(store.counter.value, 0);
  }
}

TEST(StoreOperation, CancelledBeforeItIsNotSubmitted) {
  QueueStore store;
  store.Hold();  // would never come back
  testing::TestCall call(1);
  call->cancel().Cancel(runtime::CancelReason::kClientGone);
  const auto sum = runtime::RunOnNewShard([&] { return Add(store, *call, 5); });
  ASSERT_FALSE(sum);
  EXPECT_EQ(sum.error().code(), Code::kCancelled);
}

}  // namespace
}  // namespace prism::engine
