// A change of the configuration while it is served: from the wish to every shard, with few and with
// many namespaces, beside the floors: the store's change alone, and a dry run, which is all but
// storing and serving.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <future>
#include <memory>
#include <string>

#include "app/core.h"
#include "base/testing/temp_directory.h"

namespace prism::app {
namespace {

std::string NameOf(std::int64_t number) { return "team-" + std::to_string(number) + "-orders"; }

std::shared_ptr<namespaces::Snapshot> Many(std::int64_t count) {
  auto snapshot = std::make_shared<namespaces::Snapshot>();
  snapshot->declared = true;
  snapshot->backends = {
      {.name = "memory", .type = "memory", .connection = {}, .username = {}, .password = {}}};
  for (std::int64_t i = 0; i < count; ++i) {
    namespaces::NamespaceConfig config;
    config.name = config.settings.name = NameOf(i);
    config.backend = "memory";
    config.pattern = "keyvalue";
    config.owner = "team-" + std::to_string(i % 100);
    config.tags = {"production", "high-traffic"};
    snapshot->namespaces.push_back(std::move(config));
  }
  snapshot->namespaces.SortByName();
  return snapshot;
}

// A server without sockets. Without it there is nothing to measure.
class Server {
 public:
  explicit Server(std::int64_t namespaces) {
    settings_.shards = 2;
    settings_.memory_max_bytes = 64u << 20;
    settings_.data_dir = directory_.File("data");
    settings_.backup_dir = directory_.File("backups");
    core_ = std::make_unique<Core>(settings_, log_);
    Check(core_->Start(*Many(namespaces)));
  }

  void Change(bool dry_run) {
    std::promise<Status> done;
    gateway::ConfigControl& control = core_->control();
    Check(control.thread().Submit([&] {
      const auto made = control.Apply(
          [this](const namespaces::StoredConfig& current) { return Plan(*current.snapshot); },
          {.author = {"bench", ""}, .dry_run = dry_run});
      done.set_value(made ? Status() : std::unexpected(made.error()));
    }));
    Check(done.get_future().get());
  }
  void StoreOnly() {
    namespaces::NamespaceConfig config;
    config.name = config.settings.name = NameOf(7);
    config.backend = "memory";
    config.rate_limit_rps = ++rate_;
    const auto stored = core_->control().store().Commit(
        {.backends = {}, .namespaces = {{.name = config.name, .to = config}}}, {"bench", ""});
    if (!stored) Check(std::unexpected(stored.error()));
  }

 private:
  static void Check(const Status& status) {
    if (status) return;
    std::fputs((status.error().ToString() + "\n").c_str(), stderr);
    std::abort();
  }
  Result<namespaces::Change> Plan(const namespaces::Snapshot& current) {
    namespaces::NamespaceConfig config = *current.FindNamespace(NameOf(7));
    config.rate_limit_rps = ++rate_;
    return namespaces::Change{.backends = {}, .namespaces = {{.name = config.name, .to = config}}};
  }

  const base::testing::TempDirectory directory_;
  ServerSettings settings_;
  telemetry::Logger log_{telemetry::LogLevel::kError, telemetry::LogFormat::kText,
                         [](std::string_view) {}};
  std::unique_ptr<Core> core_;
  std::uint64_t rate_ = 0;
};

void ChangeToAllShards(benchmark::State& state) {
  Server server(state.range(0));
  for (auto _ : state) server.Change(false);
}
BENCHMARK(ChangeToAllShards)->Arg(100)->Arg(10'000)->Unit(benchmark::kMicrosecond)->UseRealTime();

void DryRun(benchmark::State& state) {
  Server server(state.range(0));
  for (auto _ : state) server.Change(true);
}
BENCHMARK(DryRun)->Arg(100)->Arg(10'000)->Unit(benchmark::kMicrosecond)->UseRealTime();

void StoreOnly(benchmark::State& state) {
  Server server(state.range(0));
  for (auto _ : state) server.StoreOnly();
}
BENCHMARK(StoreOnly)->Arg(100)->Arg(10'000)->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
}  // namespace prism::app
