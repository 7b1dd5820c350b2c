// What the runtime costs a request: coroutine frames, messages to a shard, timers.
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "base/ids.h"
#include "runtime/blocking_pool.h"
#include "runtime/frame_pool.h"
#include "runtime/mailbox.h"
#include "runtime/shard.h"
#include "runtime/sync_wait.h"
#include "runtime/task_group.h"
#include "runtime/timer_wheel.h"

namespace prism::runtime {
namespace {

Task<int> Leaf(int value) {
  benchmark::DoNotOptimize(value);
  co_return value;
}

Task<void> AwaitLeaves(benchmark::State* state) {
  int sum = 0;
  for (auto _ : *state) sum += co_await Leaf(1);
  benchmark::DoNotOptimize(sum);
}

// Floor: the same without coroutines.
int PlainLeaf(int value) {
  benchmark::DoNotOptimize(value);
  return value;
}
void PlainCall(benchmark::State& state) {
  int sum = 0;
  for (auto _ : state) sum += PlainLeaf(1);
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(PlainCall);

void TaskCreateAndAwait(benchmark::State& state) {
  TaskGroup group;
  group.Spawn(AwaitLeaves(&state));
}
BENCHMARK(TaskCreateAndAwait);

Task<int> Nested(int depth) {
  if (depth == 0) co_return 1;
  co_return co_await Nested(depth - 1);
}
Task<void> AwaitNested(benchmark::State* state) {
  for (auto _ : *state) benchmark::DoNotOptimize(co_await Nested(3));
}
// The depth of a request: dispatcher, pattern, backend, store.
void FourNestedTasks(benchmark::State& state) {
  TaskGroup group;
  group.Spawn(AwaitNested(&state));
}
BENCHMARK(FourNestedTasks);

Task<void> DoNothing() { co_return; }
void Spawn(benchmark::State& state) {
  TaskGroup group;
  for (auto _ : state) group.Spawn(DoNothing());
}
BENCHMARK(Spawn);

void FramePool(benchmark::State& state) {
  for (auto _ : state) {
    void* frame = AllocateFrame(200);
    benchmark::DoNotOptimize(frame);
    FreeFrame(frame, 200);
  }
}
BENCHMARK(FramePool);

// Floor of the one above.
void OperatorNew(benchmark::State& state) {
  for (auto _ : state) {
    void* frame = ::operator new(200);
    benchmark::DoNotOptimize(frame);
    ::operator delete(frame);
  }
}
BENCHMARK(OperatorNew);

struct Item final : MailboxItem {
  void Run() override { ++ran; }
  int ran = 0;
};

void MailboxPushAndRun(benchmark::State& state) {
  Mailbox mailbox;
  std::vector<Item> items(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    for (Item& item : items) mailbox.Push(item);
    benchmark::DoNotOptimize(mailbox.RunAll());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(MailboxPushAndRun)->Arg(1)->Arg(32);

// A batch of messages from another thread, and the wait for the last one: with one message this is
// the time to wake a sleeping shard and the caller.
void PostToOtherThread(benchmark::State& state) {
  Shard shard(0);
  if (!shard.Start()) return state.SkipWithError("no shard");
  std::vector<Item> items(static_cast<std::size_t>(state.range(0)) - 1);
  for (auto _ : state) {
    internal::Latch last;
    for (Item& item : items) shard.Post(item);
    shard.Post(last);
    last.Wait();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PostToOtherThread)->Arg(1)->Arg(32)->Arg(1024)->UseRealTime();

Task<void> RunOnPool(benchmark::State* state, BlockingPool* pool) {
  for (auto _ : *state) benchmark::DoNotOptimize(co_await pool->Run([] { return 1; }));
}
void BlockingPoolRoundTrip(benchmark::State& state) {
  BlockingPool pool(1, 16);
  RunOnNewShard([&] { return RunOnPool(&state, &pool); });
}
BENCHMARK(BlockingPoolRoundTrip)->UseRealTime();

struct IdleTimer final : Timer {
  void OnTimer() override { ++fired; }
  int fired = 0;
};

// What every request with a deadline pays, among as many armed timers as the argument says.
void TimerArmAndDisarm(benchmark::State& state) {
  TimerWheel wheel(0);
  std::mt19937_64 random(1);
  std::vector<IdleTimer> others(static_cast<std::size_t>(state.range(0)));
  for (IdleTimer& timer : others) {
    wheel.Arm(timer, static_cast<std::int64_t>(1 + random() % 60'000));
  }
  IdleTimer timer;
  std::int64_t due = 1'000;
  for (auto _ : state) {
    wheel.Arm(timer, due = 1 + (due + 7) % 30'000);
    timer.Disarm();
  }
}
BENCHMARK(TimerArmAndDisarm)->Arg(0)->Arg(10'000);

// Once a turn of the loop.
void TimerNextDelay(benchmark::State& state) {
  TimerWheel wheel(0);
  IdleTimer timer;
  wheel.Arm(timer, 3'600'000);
  for (auto _ : state) benchmark::DoNotOptimize(wheel.NextDelay(0));
}
BENCHMARK(TimerNextDelay);

void TimerFire(benchmark::State& state) {
  TimerWheel wheel(0);
  IdleTimer timer;
  std::int64_t now = 0;
  for (auto _ : state) {
    wheel.Arm(timer, now + 30);
    wheel.Advance(now += 30);
  }
}
BENCHMARK(TimerFire);

void NewRequestId(benchmark::State& state) {
  std::array<char, base::kIdLength> id{};
  for (auto _ : state) {
    base::NewId(id);
    benchmark::DoNotOptimize(id);
  }
}
BENCHMARK(NewRequestId);

}  // namespace
}  // namespace prism::runtime
