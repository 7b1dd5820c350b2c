#include "runtime/task.h"

#include <gtest/gtest.h>

#include <coroutine>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "runtime/task_group.h"

namespace prism::runtime {
namespace {

// Suspends until somebody calls Open; one waiter.
class Gate {
 public:
  auto operator co_await() {
    struct Awaiter {
      Gate& gate;
      bool await_ready() const { return false; }
      void await_suspend(std::coroutine_handle<> handle) { gate.waiting_ = handle; }
      void await_resume() {}
    };
    return Awaiter{*this};
  }
  void Open() { std::exchange(waiting_, nullptr).resume(); }

 private:
  std::coroutine_handle<> waiting_ = nullptr;
};

Task<int> Add(int a, int b) { co_return a + b; }
Task<int> AddThree(int a, int b, int c) {
  const int ab = co_await Add(a, b);
  co_return co_await Add(ab, c);
}
Task<void> Store(int* into) { *into = co_await AddThree(1, 2, 3); }

TEST(TaskTest, NestedTasksPassValuesUp) {
  TaskGroup group;
  int result = 0;
  group.Spawn(Store(&result));
  EXPECT_EQ(result, 6);
  EXPECT_EQ(group.running(), 0U);
}

Task<void> Touch(std::shared_ptr<int> value) {
  ++*value;
  co_return;
}

TEST(TaskTest, IsLazyAndFreesItsArgumentsWhenNeverStarted) {
  auto value = std::make_shared<int>(0);
  {
    const auto task = Touch(value);
    EXPECT_EQ(value.use_count(), 2);
  }
  EXPECT_EQ(value.use_count(), 1);
  EXPECT_EQ(*value, 0);
}

Task<Result<std::string>> Greet(std::string name) {
  if (name.empty()) {
    co_return std::unexpected(Error(Code::kInvalidArgument, "EMPTY_NAME", "give a name"));
  }
  co_return "hello " + name;
}
Task<Result<std::size_t>> GreetingLength(std::string name) {
  CO_TRY_ASSIGN(const std::string text, co_await Greet(std::move(name)));
  co_return text.size();
}
Task<Status> CheckGreeting(std::string name) {
  CO_TRY(co_await Greet(std::move(name)));
  co_return {};
}
Task<void> CollectGreetings(std::vector<std::string>* seen) {
  const auto length = co_await GreetingLength("ada");
  seen->emplace_back(length ? std::to_string(*length) : "error");
  const auto missing = co_await GreetingLength("");
  seen->emplace_back(missing ? "no error" : std::string(missing.error().reason()));
  const auto good = co_await CheckGreeting("ada");
  seen->emplace_back(good ? "ok" : "error");
  const auto bad = co_await CheckGreeting("");
  seen->emplace_back(bad ? "ok" : std::string(bad.error().reason()));
}

TEST(TaskTest, ErrorsTravelAsResults) {
  TaskGroup group;
  std::vector<std::string> seen;
  group.Spawn(CollectGreetings(&seen));
  EXPECT_EQ(seen, (std::vector<std::string>{"9", "EMPTY_NAME", "ok", "EMPTY_NAME"}));
}

Task<std::unique_ptr<int>> MakeUnique(int value) { co_return std::make_unique<int>(value); }
Task<void> TakeUnique(std::unique_ptr<int>* into) { *into = co_await MakeUnique(7); }

TEST(TaskTest, ValuesNeedOnlyBeMovable) {
  TaskGroup group;
  std::unique_ptr<int> value;
  group.Spawn(TakeUnique(&value));
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(*value, 7);
}

Task<int> One() { co_return 1; }
Task<void> Sum(int times, int* into) {
  for (int i = 0; i < times; ++i) *into += co_await One();
}
Task<int> Depth(int left) {
  if (left == 0) co_return 0;
  co_return 1 + co_await Depth(left - 1);
}
Task<void> StoreDepth(int depth, int* into) { *into = co_await Depth(depth); }

// Without symmetric transfer each of these would take a piece of the stack. (Instrumented or
// unoptimised code may not make the tail calls that it rests on: the numbers are modest.)
TEST(TaskTest, LongLoopsAndDeepNestingLeaveTheStackAlone) {
  TaskGroup group;
  int sum = 0;
  group.Spawn(Sum(10'000, &sum));
  EXPECT_EQ(sum, 10'000);
  int depth = 0;
  group.Spawn(StoreDepth(1'000, &depth));
  EXPECT_EQ(depth, 1'000);
}

Task<void> PassGate(Gate* gate, int* passed) {
  co_await *gate;
  ++*passed;
}
Task<void> JoinAll(TaskGroup* group, bool* joined) {
  co_await group->Join();
  *joined = true;
}

TEST(TaskGroupTest, JoinCompletesWithTheLastTask) {
  TaskGroup group;
  TaskGroup joiners;
  Gate first;
  Gate second;
  int passed = 0;
  bool joined = false;
  group.Spawn(PassGate(&first, &passed));
  group.Spawn(PassGate(&second, &passed));
  EXPECT_EQ(group.running(), 2U);
  joiners.Spawn(JoinAll(&group, &joined));
  second.Open();
  EXPECT_EQ(group.running(), 1U);
  EXPECT_FALSE(joined);
  first.Open();
  EXPECT_EQ(passed, 2);
  EXPECT_TRUE(joined);
  EXPECT_EQ(group.running(), 0U);
}

TEST(TaskGroupTest, JoinOfAnIdleGroupDoesNotSuspend) {
  TaskGroup group;
  TaskGroup joiners;
  bool joined = false;
  joiners.Spawn(JoinAll(&group, &joined));
  EXPECT_TRUE(joined);
}

Task<void> OwnAndJoin(std::unique_ptr<TaskGroup> group, Gate* gate, int* passed) {
  group->Spawn(PassGate(gate, passed));
  co_await group->Join();
  group.reset();
  ++*passed;
}

TEST(TaskGroupTest, TheJoinerMayDestroyTheGroup) {
  TaskGroup owner;
  Gate gate;
  int passed = 0;
  owner.Spawn(OwnAndJoin(std::make_unique<TaskGroup>(), &gate, &passed));
  gate.Open();
  EXPECT_EQ(passed, 2);
}

TEST(TaskGroupDeathTest, DestroyingARunningGroupEndsTheProcess) {
  EXPECT_DEATH(
      {
        Gate gate;
        int passed = 0;
        TaskGroup group;
        group.Spawn(PassGate(&gate, &passed));
      },
      "a TaskGroup is destroyed only after");
}

}  // namespace
}  // namespace prism::runtime
