// The configuration store with many namespaces: opening and reading it, one change and the fsync
// under it, and what a namespace takes on disk.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "base/testing/temp_directory.h"
#include "filter/sql.h"
#include "namespaces/store/config_reader.h"
#include "namespaces/store/config_store.h"

namespace prism::namespaces {
namespace {

// Without the store there is nothing to measure.
template <class T>
T Must(Result<T> result) {
  if (result) return *std::move(result);
  std::fputs((result.error().ToString() + "\n").c_str(), stderr);
  std::abort();
}

NamespaceConfig Ns(std::int64_t number, std::uint64_t rate) {
  NamespaceConfig config;
  config.name = config.settings.name = "team-" + std::to_string(number) + "-orders";
  config.backend = "memory";
  config.pattern = "keyvalue";
  config.owner = "team-" + std::to_string(number % 100);
  config.tags = {"production", "high-traffic"};
  config.rate_limit_rps = rate;
  return config;
}

class Store {
 public:
  explicit Store(std::int64_t namespaces) {
    Reopen();
    Change change;
    change.backends.push_back({"memory", BackendConfig{.name = "memory",
                                                       .type = "memory",
                                                       .connection = "",
                                                       .username = "",
                                                       .password = ""}});
    for (std::int64_t i = 0; i < namespaces; ++i) {
      change.namespaces.push_back({Ns(i, 1).name, Ns(i, 1)});
    }
    Must(store_->Commit(change, {"bench", "import"}));
  }
  void Reopen() {
    store_.reset();
    store_ = Must(ConfigStore::Open({.path = path()}, clock_));
  }
  std::string path() const { return directory_.File("config.db"); }
  ConfigStore& operator*() { return *store_; }
  void Close() { store_.reset(); }

 private:
  base::testing::TempDirectory directory_;
  SystemClock clock_;
  std::unique_ptr<ConfigStore> store_;
};

void OpenAndLoad(benchmark::State& state) {
  Store store(state.range(0));
  for (auto _ : state) {
    store.Reopen();
    benchmark::DoNotOptimize(Must((*store).Load()));
  }
  store.Close();
  state.counters["bytes_per_namespace"] =
      static_cast<double>(std::filesystem::file_size(store.path())) /
      static_cast<double>(state.range(0));
}
BENCHMARK(OpenAndLoad)->Arg(100)->Arg(10'000)->Unit(benchmark::kMillisecond);

void OneChange(benchmark::State& state) {
  Store store(state.range(0));
  std::uint64_t rate = 1;
  for (auto _ : state) {
    Must((*store).Commit({.backends = {}, .namespaces = {{Ns(7, 1).name, Ns(7, ++rate)}}},
                         {"bench", ""}));
  }
}
BENCHMARK(OneChange)->Arg(100)->Arg(10'000)->Unit(benchmark::kMicrosecond)->UseRealTime();

// A page of 100 of those that a filter finds, and how many there are: as the admin API lists them.
void FilteredList(benchmark::State& state) {
  Store store(state.range(0));
  const ConfigReader reader(*store);
  const filter::Schema schema = NamespaceFilterSchema();
  const auto filter = Must(filter::Filter::Compile(
      "backend = \"memory\" AND tags:\"production\" AND owner = \"team-7\"", schema));
  RecordQuery query;
  query.where = Must(filter::ToSql(filter, RecordQuery::kFirstParameter));
  std::int64_t found = 0;
  for (auto _ : state) {
    const auto page = Must(reader.ListNamespaces(query));
    found = page.total;
  }
  state.counters["found"] = static_cast<double>(found);
}
BENCHMARK(FilteredList)->Arg(100)->Arg(10'000)->Unit(benchmark::kMillisecond)->UseRealTime();

// Its floor: looking at one column of every row.
void CountRows(benchmark::State& state) {
  Store store(state.range(0));
  for (auto _ : state) {
    Must(sqlite::ReadAndWait((*store).database(), [](sqlite::Connection& connection) {
      return connection.QueryInt("SELECT count(*) FROM namespaces WHERE tags IS NOT NULL");
    }));
  }
}
BENCHMARK(CountRows)->Arg(10'000)->Unit(benchmark::kMillisecond)->UseRealTime();

void FindOne(benchmark::State& state) {
  Store store(state.range(0));
  const ConfigReader reader(*store);
  for (auto _ : state) benchmark::DoNotOptimize(Must(reader.FindNamespace(Ns(7, 1).name)));
}
BENCHMARK(FindOne)->Arg(10'000)->Unit(benchmark::kMicrosecond)->UseRealTime();

// Its floor: to the thread that reads, and back.
void AskReader(benchmark::State& state) {
  Store store(1);
  for (auto _ : state) {
    Must(sqlite::ReadAndWait((*store).database(),
                             [](sqlite::Connection&) -> Result<int> { return 1; }));
  }
}
BENCHMARK(AskReader)->Unit(benchmark::kMicrosecond)->UseRealTime();

// The floor of a change: as much written to a file, and synced.
void OneSync(benchmark::State& state) {
  const base::testing::TempDirectory directory;
  const int fd = ::open(directory.File("log").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const std::string pages(static_cast<std::size_t>(8) * 4120, 'x');
  for (auto _ : state) {
    if (::write(fd, pages.data(), pages.size()) != static_cast<ssize_t>(pages.size()) ||
        ::fsync(fd) != 0) {
      std::abort();
    }
  }
  ::close(fd);
}
BENCHMARK(OneSync)->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
}  // namespace prism::namespaces
