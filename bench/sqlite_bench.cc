// Durable writes: what the store makes of many clients at once, beside a plain loop over SQLite
// with the same settings, in batches of 128 and one by one, in the same run on the same disk. Also
// point reads.
//
//   sqlite_bench [--check] [--seconds N]
//
// Rounds of all kinds take turns, so that a disk that is slow for a while is slow for all of them;
// the best round counts. --check: exit code 1 when a ratio misses its budget.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "engine/keyvalue/local_keyvalue.h"
#include "engine/sqlite/sqlite_backend.h"
#include "engine/sqlite/sqlite_keyvalue_store.h"
#include "engine/testing/harness.h"
#include "runtime/sync_wait.h"

namespace prism::engine {
namespace {

using keyvalue::v1::GetRequest;
using keyvalue::v1::GetResponse;
using keyvalue::v1::KeyValueBasic;
using keyvalue::v1::SetRequest;
using keyvalue::v1::SetResponse;

constexpr std::size_t kKeys = 200'000;
constexpr std::size_t kValueBytes = 100;
constexpr std::size_t kBatch = 128;
constexpr int kClients = 256;
constexpr int kRounds = 3;
constexpr int kGets = 500'000;
constexpr double kBatchBudget = 0.7;
constexpr double kSingleBudget = 4;

void Must(const Status& status) {
  if (status) return;
  fmt::print(stderr, "{}\n", status.error().ToString());
  std::exit(1);
}
template <class T>
T Must(Result<T> result) {
  if (!result) Must(Status(std::unexpected(result.error())));
  return *std::move(result);
}

class Keys {
 public:
  Keys() : order_(1) {
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < kKeys; ++i) keys_.push_back(fmt::format("user:{:016x}", random()));
  }
  const std::string& Random() { return keys_[order_() % keys_.size()]; }
  const std::vector<std::string>& all() const { return keys_; }

 private:
  std::vector<std::string> keys_;
  std::mt19937_64 order_;
};

// A new one each time: SQLite writes nothing for a row that is overwritten with what it has.
class Values {
 public:
  std::string_view Next() {
    fmt::format_to(value_.begin(), "{:016x}", ++count_);
    return value_;
  }

 private:
  std::uint64_t count_ = 0;
  std::string value_ = std::string(kValueBytes, 'v');
};

double PerSecond(std::int64_t count, MonoNanos start) {
  return static_cast<double>(count) * 1e9 / static_cast<double>(MonotonicNow() - start);
}

// CPU time: what a call costs, whoever else uses the machine.
double CpuNanos(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// What a program would do that has SQLite to itself: one table, one statement, no bookkeeping.
class DirectLoop {
 public:
  explicit DirectLoop(Keys& keys)
      : keys_(keys),
        db_(Must(sqlite::Connection::Open(
            {.path = directory_.File("direct.db"), .create = true, .cache_kib = 4096}))) {
    Must(
        db_->Execute("CREATE TABLE kv(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) "
                     "WITHOUT ROWID"));
    Must(db_->Begin());
    for (const std::string& key : keys_.all()) Upsert(key);
    Must(db_->Commit());
  }
  double Run(std::size_t batch, MonoNanos duration) {
    const MonoNanos start = MonotonicNow();
    std::int64_t done = 0;
    while (MonotonicNow() - start < duration) {
      Must(db_->Begin());
      for (std::size_t i = 0; i < batch; ++i) Upsert(keys_.Random());
      Must(db_->Commit());
      done += static_cast<std::int64_t>(batch);
      if (db_->log_pages() >= 4096) Must(db_->Checkpoint(false));
    }
    return PerSecond(done, start);
  }
  // CPU time of one SELECT of a value that is in the cache.
  double NanosPerGet() {
    Must(db_->Execute("PRAGMA cache_size=-65536"));
    Must(db_->QueryInt("SELECT sum(length(value)) FROM kv"));
    const double start = CpuNanos(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < kGets; ++i) {
      sqlite::Statement get = Must(db_->Prepare("SELECT value FROM kv WHERE key = ?1"));
      if (!Must(get.Blob(1, keys_.Random()).Step()) || get.BlobAt(0).size() != kValueBytes) {
        std::exit(1);
      }
    }
    return (CpuNanos(CLOCK_THREAD_CPUTIME_ID) - start) / kGets;
  }

 private:
  void Upsert(const std::string& key) {
    sqlite::Statement put =
        Must(db_->Prepare("INSERT INTO kv(key, value) VALUES(?1, ?2) "
                          "ON CONFLICT(key) DO UPDATE SET value = excluded.value"));
    Must(put.Blob(1, key).Blob(2, values_.Next()).Run());
  }

  Keys& keys_;
  base::testing::TempDirectory directory_;
  std::unique_ptr<sqlite::Connection> db_;
  Values values_;
};

// The whole engine without network: service, store, writer thread, on one shard.
class Gateway {
 public:
  explicit Gateway(Keys& keys) : keys_(keys) {
    Must(shard_.Start());
    filling_ = true;
    RunClients(kNanosPerSecond * 3600);
    filling_ = false;
  }
  struct Rate {
    double per_second = 0;
    double cpu_micros = 0;  // of all threads, for each call
  };
  Rate Write(MonoNanos duration) { return Measure(duration, true); }
  Rate Read(MonoNanos duration) { return Measure(duration, false); }
  sqlite::DatabaseCounters counters() { return Store().database().counters(); }

 private:
  SqliteStore& Store() {
    return static_cast<SqliteStore&>(static_cast<LocalNamespace&>(*ns_).store());
  }
  Rate Measure(MonoNanos duration, bool writing) {
    writing_ = writing;
    done_ = 0;
    const MonoNanos start = MonotonicNow();
    const double cpu = CpuNanos(CLOCK_PROCESS_CPUTIME_ID);
    RunClients(duration);
    const double used = CpuNanos(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    return {.per_second = PerSecond(done_, start),
            .cpu_micros = used / 1000 / static_cast<double>(done_)};
  }
  void RunClients(MonoNanos duration) {
    until_ = MonotonicNow() + duration;
    runtime::RunOn(shard_, [this] { return Clients(this); });
  }
  static runtime::Task<void> Clients(Gateway* self) {
    runtime::TaskGroup group;
    for (int i = 0; i < kClients; ++i) group.Spawn(Client(self));
    co_await group.Join();
  }
  static runtime::Task<void> Client(Gateway* self) {
    while (MonotonicNow() < self->until_) {
      if (self->filling_ && self->next_ == kKeys) co_return;
      const std::string& key =
          self->filling_ ? self->keys_.all()[self->next_++] : self->keys_.Random();
      testing::TestCall call(self->clock_.Now());
      if (self->writing_) {
        SetRequest request;
        request.set_key(key);
        request.set_value(std::string(self->values_.Next()));
        SetResponse response;
        Must(co_await self->service_.Set(*call, request, response));
      } else {
        GetRequest request;
        request.set_key(key);
        GetResponse response;
        Must(co_await self->service_.Get(*call, request, response));
      }
      ++self->done_;
    }
  }

  Keys& keys_;
  base::testing::TempDirectory directory_;
  runtime::Shard shard_{0};
  SystemClock clock_;
  models::MemoryBudget budget_{1u << 30};
  LocalEngine engine_{{}, clock_, budget_, BuiltinModels()};
  std::unique_ptr<SqliteBackend> backend_ =
      Must(SqliteBackend::Make(engine_, {.data_dir = directory_.path()}));
  std::shared_ptr<contract::NamespaceBackend> ns_ = Must(backend_->Open({.name = "bench"}));
  KeyValueBasic& service_ = *static_cast<KeyValueBasic*>(ns_->Find(KeyValueBasic::kInterface));
  Values values_;
  bool filling_ = false;
  bool writing_ = true;
  std::size_t next_ = 0;
  MonoNanos until_ = 0;
  std::int64_t done_ = 0;
};

// One Get in the store alone: a connection, no threads.
double NanosPerGet(Keys& keys) {
  const base::testing::TempDirectory directory;
  const models::NamespaceLimits limits({.name = "bench"});
  SystemClock clock;
  SqliteNamespaceKind kind(limits, clock, BuiltinSqliteModels());
  const auto db = Must(sqlite::Connection::Open(
      {.path = directory.File("get.db"), .create = true, .cache_kib = 65536}));
  Must(sqlite::Migrate(*db, kind.Parts()));
  SqliteSession session(*db, limits, BuiltinSqliteModels());
  auto& store = session.session().model<KeyValueStore>(0);
  const std::string value(kValueBytes, 'v');
  Must(db->Begin());
  for (const std::string& key : keys.all()) Must(store.Set(key, {.value = value}, 1));
  Must(db->Commit());
  const double start = CpuNanos(CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < kGets; ++i) {
    if (!Must(store.Get(keys.Random(), 1))) std::exit(1);
  }
  return (CpuNanos(CLOCK_THREAD_CPUTIME_ID) - start) / kGets;
}

int Main(int argc, char** argv) {
  bool check = false;
  double seconds = 2;
  CLI::App app("Durable writes of the store beside plain SQLite");
  app.add_flag("--check", check, "exit code 1 when a ratio misses its budget");
  app.add_option("--seconds", seconds, "of each round");
  CLI11_PARSE(app, argc, argv);
  const auto duration = static_cast<MonoNanos>(seconds * 1e9);

  Keys keys;
  DirectLoop direct(keys);
  Gateway gateway(keys);
  double single = 0;
  double batched = 0;
  Gateway::Rate store;
  const sqlite::DatabaseCounters before = gateway.counters();
  for (int round = 0; round < kRounds; ++round) {
    single = std::max(single, direct.Run(1, duration));
    batched = std::max(batched, direct.Run(kBatch, duration));
    store = std::ranges::max(store, gateway.Write(duration), {}, &Gateway::Rate::per_second);
  }
  const sqlite::DatabaseCounters after = gateway.counters();
  const Gateway::Rate reads = gateway.Read(duration);

  const auto row = [](const std::string& what, const std::string& figure) {
    fmt::print("{:<62} {:>12}\n", what, figure);
  };
  const auto ratio = [&row](const std::string& what, double value, double budget) {
    row(fmt::format("{} (budget {})", what, budget), fmt::format("{:.2f}", value));
    return value >= budget;
  };
  const double gathered = static_cast<double>(after.operations - before.operations) /
                          static_cast<double>(after.batches - before.batches);
  row("direct loop, one by one", fmt::format("{:.0f}/s", single));
  row(fmt::format("direct loop, batches of {}", kBatch), fmt::format("{:.0f}/s", batched));
  row(fmt::format("store, {} clients, {:.0f} writes a commit, {:.1f} us of CPU each", kClients,
                  gathered, store.cpu_micros),
      fmt::format("{:.0f}/s", store.per_second));
  const bool batches = ratio("store / direct in batches", store.per_second / batched, kBatchBudget);
  const bool singles = ratio("store / direct one by one", store.per_second / single, kSingleBudget);
  row(fmt::format("reads through the store, {} clients, {:.1f} us of CPU each", kClients,
                  reads.cpu_micros),
      fmt::format("{:.0f}/s", reads.per_second));
  row("point read, plain SELECT, CPU time", fmt::format("{:.2f} us", direct.NanosPerGet() / 1000));
  row("point read in the store, CPU time", fmt::format("{:.2f} us", NanosPerGet(keys) / 1000));
  return check && !(batches && singles) ? 1 : 0;
}

}  // namespace
}  // namespace prism::engine

int main(int argc, char** argv) { return prism::engine::Main(argc, argv); }
