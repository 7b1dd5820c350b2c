// The engine without network: store calls and whole service calls (validation, coroutine, response
// in an arena), on 200,000 keys with values of 100 bytes.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <random>
#include <string>
#include <vector>

#include "engine/keyvalue/local_keyvalue.h"
#include "engine/memory/memory_keyvalue_store.h"
#include "engine/testing/harness.h"

namespace prism::engine {
namespace {

using keyvalue::v1::GetRequest;
using keyvalue::v1::GetResponse;
using keyvalue::v1::KeyValueBasic;
using keyvalue::v1::SetRequest;
using keyvalue::v1::SetResponse;

constexpr std::size_t kKeys = 200'000;
constexpr std::size_t kValueBytes = 100;
// From one key to the next that is read: neighbours in memory are no neighbours in time.
constexpr std::size_t kStride = 7919;

const std::vector<std::string>& Keys() {
  static const std::vector<std::string> kAll = [] {
    std::vector<std::string> keys;
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < kKeys; ++i) keys.push_back(fmt::format("user:{:016x}", random()));
    return keys;
  }();
  return kAll;
}

// One filled engine for all benchmarks of the process.
testing::MemoryEngine& Engine() {
  static testing::MemoryEngine engine;
  static const bool kFilled = [] {
    const std::string value(kValueBytes, 'v');
    for (const std::string& key : Keys()) {
      SetRequest request;
      request.set_key(key);
      request.set_value(value);
      testing::TestCall call(engine.clock.Now());
      SetResponse response;
      if (!testing::RunNow(engine.service<KeyValueBasic>().Set(*call, request, response)))
        std::abort();
    }
    return true;
  }();
  benchmark::DoNotOptimize(kFilled);
  return engine;
}

MemoryKeyValueStore& FilledStore() {
  static ManualClock clock(1'000'000'000);
  static models::MemoryBudget budget(1u << 30);
  static const models::NamespaceLimits kLimits(contract::NamespaceSettings{.name = "bench"});
  static MemorySpace space(budget, kLimits, clock);
  static MemoryKeyValueStore store(space);
  static const bool kFilled = [] {
    const std::string value(kValueBytes, 'v');
    for (const std::string& key : Keys()) {
      if (!store.Set(key, {.value = value}, 1)) std::abort();
    }
    return true;
  }();
  benchmark::DoNotOptimize(kFilled);
  return store;
}

// The argument is how many of the keys are read: those of a hot set stay in the caches.
void StoreGet(benchmark::State& state) {
  MemoryKeyValueStore& store = FilledStore();
  const auto keys = static_cast<std::size_t>(state.range(0));
  std::size_t i = static_cast<std::size_t>(state.thread_index()) * 7919;
  for (auto _ : state) {
    auto found = store.Get(Keys()[(i += kStride) % keys], 1);
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(StoreGet)->Arg(1'000)->Arg(10'000)->Arg(kKeys)->ThreadRange(1, 2);

void StoreOverwrite(benchmark::State& state) {
  MemoryKeyValueStore& store = FilledStore();
  const std::string value(kValueBytes, 'w');
  std::size_t i = static_cast<std::size_t>(state.thread_index()) * 7919;
  for (auto _ : state) {
    auto version = store.Set(Keys()[i++ % kKeys], {.value = value}, 1);
    benchmark::DoNotOptimize(version);
  }
}
BENCHMARK(StoreOverwrite)->ThreadRange(1, 2);

void StoreInsertAndDelete(benchmark::State& state) {
  MemoryKeyValueStore& store = FilledStore();
  const std::string value(kValueBytes, 'w');
  std::size_t i = 0;
  for (auto _ : state) {
    const std::string key = Keys()[i++ % kKeys] + "+";
    benchmark::DoNotOptimize(store.Set(key, {.value = value}, 1));
    benchmark::DoNotOptimize(store.Delete(key, 1));
  }
}
BENCHMARK(StoreInsertAndDelete);

void StoreScanPage(benchmark::State& state) {
  MemoryKeyValueStore& store = FilledStore();
  const auto entries = static_cast<std::size_t>(state.range(0));
  std::size_t i = 0;
  for (auto _ : state) {
    auto page = store.Scan({.prefix = "user:",
                            .after = Keys()[i++ % kKeys],
                            .max_entries = entries,
                            .max_bytes = 1u << 20},
                           1);
    benchmark::DoNotOptimize(page);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(StoreScanPage)->Arg(10)->Arg(250);

// What a request costs in the service, its messages on an arena that is kept as the server keeps
// it.
void ServiceGet(benchmark::State& state) {
  testing::MemoryEngine& engine = Engine();
  auto& basic = engine.service<KeyValueBasic>();
  std::vector<char> block(16 * 1024);
  google::protobuf::ArenaOptions options;
  options.initial_block = block.data();
  options.initial_block_size = block.size();
  google::protobuf::Arena arena(options);
  runtime::TaskGroup group;
  const auto keys = static_cast<std::size_t>(state.range(0));
  std::size_t i = static_cast<std::size_t>(state.thread_index()) * 7919;
  for (auto _ : state) {
    arena.Reset();
    contract::CallContext ctx(arena);
    ctx.now = 1'000'000'000;
    auto* request = google::protobuf::Arena::CreateMessage<GetRequest>(&arena);
    request->set_key(Keys()[(i += kStride) % keys]);
    auto* response = google::protobuf::Arena::CreateMessage<GetResponse>(&arena);
    std::optional<Status> status;
    group.Spawn(testing::Keep(basic.Get(ctx, *request, *response), status));
    if (!*status || response->value().size() != kValueBytes) state.SkipWithError("wrong answer");
  }
}
BENCHMARK(ServiceGet)->Arg(1'000)->Arg(10'000)->Arg(kKeys)->ThreadRange(1, 2);

// What of ServiceGet is the benchmark itself: the same messages and a task that does nothing.
runtime::Task<Status> Nothing(contract::CallContext&, const GetRequest&, GetResponse&) {
  co_return Status();
}

void ServiceFloor(benchmark::State& state) {
  std::vector<char> block(16 * 1024);
  google::protobuf::ArenaOptions options;
  options.initial_block = block.data();
  options.initial_block_size = block.size();
  google::protobuf::Arena arena(options);
  runtime::TaskGroup group;
  std::size_t i = 0;
  for (auto _ : state) {
    arena.Reset();
    contract::CallContext ctx(arena);
    auto* request = google::protobuf::Arena::CreateMessage<GetRequest>(&arena);
    request->set_key(Keys()[i++ % kKeys]);
    auto* response = google::protobuf::Arena::CreateMessage<GetResponse>(&arena);
    std::optional<Status> status;
    group.Spawn(testing::Keep(Nothing(ctx, *request, *response), status));
    benchmark::DoNotOptimize(response);
  }
}
BENCHMARK(ServiceFloor);

void ServiceSet(benchmark::State& state) {
  testing::MemoryEngine& engine = Engine();
  auto& basic = engine.service<KeyValueBasic>();
  const std::string value(kValueBytes, 'w');
  google::protobuf::Arena arena;
  runtime::TaskGroup group;
  std::size_t i = 0;
  for (auto _ : state) {
    arena.Reset();
    contract::CallContext ctx(arena);
    ctx.now = 1'000'000'000;
    auto* request = google::protobuf::Arena::CreateMessage<SetRequest>(&arena);
    request->set_key(Keys()[i++ % kKeys]);
    request->set_value(value);
    auto* response = google::protobuf::Arena::CreateMessage<SetResponse>(&arena);
    std::optional<Status> status;
    group.Spawn(testing::Keep(basic.Set(ctx, *request, *response), status));
    if (!*status) state.SkipWithError("the write failed");
  }
}
BENCHMARK(ServiceSet);

}  // namespace
}  // namespace prism::engine
