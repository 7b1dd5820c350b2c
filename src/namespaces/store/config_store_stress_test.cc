// What was acknowledged is there: after a loss of power, after kill -9, and after damage it is
// there or the store says that it is not.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/testing/rounds.h"
#include "base/testing/temp_directory.h"
#include "namespaces/store/config_store.h"
#include "namespaces/store/testing/test_chain.h"
#include "sqlite/testing/power_loss_vfs.h"

namespace prism::namespaces {
namespace {

using base::testing::TempDirectory;
using testing::AppendToTestChain;
using testing::WithTestChain;

NamespaceConfig Ns(int number, std::uint64_t rate) {
  NamespaceConfig config;
  config.name = config.settings.name = "ns-" + std::to_string(number);
  config.backend = "memory";
  config.rate_limit_rps = rate;
  config.owner = std::string(rate % 200, 'o');
  if (rate % 3 == 0) config.features = {{"beta", rate % 2 == 0}};
  return config;
}

Change Import(int namespaces) {
  Change change;
  change.backends.push_back(
      {"memory",
       BackendConfig{
           .name = "memory", .type = "memory", .connection = "", .username = "", .password = ""}});
  for (int i = 0; i < namespaces; ++i) {
    const NamespaceConfig config = Ns(i, 1);
    change.namespaces.push_back({config.name, config});
  }
  return change;
}

// One namespace is made, changed or deleted.
Change RandomChange(const Snapshot& now, std::mt19937_64& random) {
  const int number = static_cast<int>(random() % 20);
  const NamespaceConfig config = Ns(number, 2 + random() % 1'000'000);
  const bool there = now.FindNamespace(config.name) != nullptr;
  if (there && random() % 4 == 0) return {.backends = {}, .namespaces = {{config.name, {}}}};
  return {.backends = {}, .namespaces = {{config.name, config}}};
}

// The snapshot after the change, as the test reckons it.
Snapshot After(Snapshot snapshot, const Change& change) {
  for (const auto& edit : change.backends) snapshot.backends.push_back(*edit.to);
  for (const auto& edit : change.namespaces) {
    snapshot.namespaces.EraseIf([&](const auto& ns) { return ns.name == edit.name; });
    if (edit.to) snapshot.namespaces.push_back(*edit.to);
  }
  snapshot.namespaces.SortByName();
  return snapshot;
}

bool Same(const Snapshot& a, const Snapshot& b) {
  return a.backends == b.backends && a.namespaces == b.namespaces;
}

constexpr int kImported = 12;

// What has been acknowledged, and the change that may or may not have become true since.
struct Expected {
  StoredConfig acknowledged{0, std::make_shared<Snapshot>()};
  std::optional<Snapshot> maybe;
};

// Changes until something fails; how many were acknowledged.
int ChangeUntilItFails(ConfigStore& store, Expected& expected, std::mt19937_64& random) {
  for (int done = 0;; ++done) {
    const Snapshot& now = *expected.acknowledged.snapshot;
    const bool is_new = expected.acknowledged.revision == 0;
    const Change change = is_new ? Import(kImported) : RandomChange(now, random);
    expected.maybe = After(now, change);
    const auto committed = store.Commit(change, {"stress", ""}, AppendToTestChain);
    if (!committed) return done;
    EXPECT_EQ(committed->revision, expected.acknowledged.revision + 1);
    expected.acknowledged = {committed->revision,
                             std::make_shared<Snapshot>(*std::move(expected.maybe))};
    expected.maybe.reset();
  }
}

// There is a row for each change, and each fits the one before it.
Result<std::string> ReadRows(ConfigStore& store) {
  return sqlite::ReadAndWait(store.database(), [](sqlite::Connection& db) -> Result<std::string> {
    TRY_ASSIGN(sqlite::Statement select,
               db.Prepare("SELECT id, revision, hash FROM test_chain ORDER BY id"));
    std::string rows;
    std::string hash;
    for (std::int64_t expected = 1;; ++expected) {
      TRY_ASSIGN(const bool more, select.Step());
      if (!more) return rows;
      hash = sqlite::RowHash().Text(hash).Int(select.IntAt(1)).Hex();
      if (select.IntAt(0) != expected || select.TextAt(2) != hash) {
        return std::unexpected(Error(Code::kDataLoss, "CHAIN_BROKEN", "a row does not fit"));
      }
      rows += fmt::format(" {}", select.IntAt(1));
    }
  });
}

// The store has what was acknowledged, or that and the unanswered change as a whole.
void CheckAndTakeOver(ConfigStore& store, Expected& expected) {
  const auto loaded = store.Load();
  ASSERT_TRUE(loaded) << loaded.error().ToString();
  if (loaded->revision == expected.acknowledged.revision) {
    ASSERT_TRUE(Same(*loaded->snapshot, *expected.acknowledged.snapshot));
  } else {
    ASSERT_EQ(loaded->revision, expected.acknowledged.revision + 1);
    ASSERT_TRUE(expected.maybe && Same(*loaded->snapshot, *expected.maybe));
  }
  expected = {.acknowledged = *loaded, .maybe = {}};
  const Status verified = store.VerifyHistory();
  ASSERT_TRUE(verified) << verified.error().ToString();
  std::string rows;
  for (Revision revision = 1; revision <= loaded->revision; ++revision) {
    rows += fmt::format(" {}", revision);
  }
  const auto found = ReadRows(store);
  ASSERT_TRUE(found) << found.error().ToString();
  ASSERT_EQ(*found, rows);
}

TEST(ConfigStoreStress, AcknowledgedChangesSurviveALossOfPower) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  SystemClock clock;
  int changes = 0;
  int losses = 0;
  for (std::int64_t file = 0; file < base::Rounds(10, 200); ++file) {
    const TempDirectory directory;
    sqlite::testing::PowerLossVfs vfs(random());
    Expected expected;
    for (int round = 0; round < 10; ++round) {
      vfs.LosePowerAfter(random() % 200);
      {
        auto store =
            ConfigStore::Open(WithTestChain(directory.File("config.db"), vfs.name()), clock);
        if (store) changes += ChangeUntilItFails(**store, expected, random);
      }
      vfs.LosePower();
      vfs.RestorePower();
      ++losses;
      auto store = ConfigStore::Open(WithTestChain(directory.File("config.db"), vfs.name()), clock);
      ASSERT_TRUE(store) << store.error().ToString();
      CheckAndTakeOver(**store, expected);
      if (HasFatalFailure()) return;
    }
  }
  fmt::print("{} acknowledged changes, {} losses of power\n", changes, losses);
  EXPECT_GT(changes, 100);
}

// The child: changes the store for ever, and tells how far it has come after each answer.
[[noreturn]] void ChangeUntilKilled(const std::string& path, Expected expected, std::uint64_t seed,
                                    int out) {
  SystemClock clock;
  std::mt19937_64 random(seed);
  auto store = ConfigStore::Open(WithTestChain(path), clock);
  if (!store) ::_exit(3);
  for (;;) {
    const bool is_new = expected.acknowledged.revision == 0;
    const Change change =
        is_new ? Import(kImported) : RandomChange(*expected.acknowledged.snapshot, random);
    const auto committed = (*store)->Commit(change, {"stress", ""}, AppendToTestChain);
    if (!committed) ::_exit(4);
    const Revision revision = committed->revision;
    expected.acknowledged = {
        revision, std::make_shared<Snapshot>(After(*expected.acknowledged.snapshot, change))};
    if (::write(out, &revision, sizeof revision) != sizeof revision) ::_exit(5);
  }
}

// Kills it once it has come `changes` further, at any moment of the next one. Answers the revision
// that it acknowledged last.
Revision KillAfter(const std::string& path, const Expected& expected, std::uint64_t seed,
                   int changes, int pause_ms) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    ChangeUntilKilled(path, expected, seed, ends[1]);
  }
  ::close(ends[1]);
  Revision acknowledged = expected.acknowledged.revision;
  const Revision until = acknowledged + changes;
  while (acknowledged < until && ::read(ends[0], &acknowledged, sizeof acknowledged) > 0) {
  }
  ::poll(nullptr, 0, pause_ms);  // the moment is random: there is nothing to wait for
  ::kill(child, SIGKILL);
  while (::read(ends[0], &acknowledged, sizeof acknowledged) > 0) {
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
  return acknowledged;
}

// What the child must have made of the configuration by `revision`, which it reckons in the same
// way.
Expected Replay(Expected expected, std::uint64_t seed, Revision revision) {
  std::mt19937_64 random(seed);
  const auto next = [&] {
    const bool is_new = expected.acknowledged.revision == 0;
    const Change change =
        is_new ? Import(kImported) : RandomChange(*expected.acknowledged.snapshot, random);
    return After(*expected.acknowledged.snapshot, change);
  };
  while (expected.acknowledged.revision < revision) {
    expected.acknowledged = {expected.acknowledged.revision + 1,
                             std::make_shared<Snapshot>(next())};
  }
  expected.maybe = next();
  return expected;
}

TEST(ConfigStoreStress, AcknowledgedChangesSurviveKill9) {
  const std::uint64_t first_seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", first_seed));
  std::mt19937_64 random(first_seed);
  const TempDirectory directory;
  const std::string path = directory.File("config.db");
  SystemClock clock;
  Expected expected;
  int kills = 0;
  const Revision enough = base::Rounds(1000, 50'000);
  while (expected.acknowledged.revision < enough) {
    const std::uint64_t seed = random();
    const int changes = kills == 0 ? 0 : static_cast<int>(random() % 60);
    const Revision acknowledged =
        KillAfter(path, expected, seed, changes, static_cast<int>(random() % 4));
    expected = Replay(std::move(expected), seed, acknowledged);
    auto store = ConfigStore::Open(WithTestChain(path), clock);
    ASSERT_TRUE(store) << store.error().ToString();
    CheckAndTakeOver(**store, expected);
    if (HasFatalFailure()) return;
    ++kills;
  }
  fmt::print("{} changes, {} kills\n", expected.acknowledged.revision, kills);
}

// --- damage
// ---------------------------------------------------------------------------------------

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

struct Files {
  std::string main;
  std::string log;
  std::string mark;
};

// Everything that can be asked, in one text; an error as such.
std::string AllAnswers(const std::string& path, Clock& clock) {
  auto store = ConfigStore::Open(WithTestChain(path), clock);
  if (!store) return "refused: " + store.error().ToString();
  const auto loaded = (*store)->Load();
  if (!loaded) return "refused: " + loaded.error().ToString();
  if (const Status chain = (*store)->VerifyHistory(); !chain) {
    return "refused: " + chain.error().ToString();
  }
  const auto rows = ReadRows(**store);
  if (!rows) return "refused: " + rows.error().ToString();
  std::string all = std::to_string(loaded->revision) + *rows;
  for (const NamespaceConfig& ns : loaded->snapshot->namespaces) {
    all += fmt::format("\n{} {} {}", ns.name, ns.rate_limit_rps, ns.owner);
    const auto history = (*store)->HistoryOf(ns.name);
    if (!history) return "refused: " + history.error().ToString();
    for (const HistoryEntry& entry : *history) {
      all += fmt::format("\n  {} {} {} {}", entry.revision, entry.operation, entry.changed_by,
                         entry.new_config.value_or("-"));
    }
  }
  return all;
}

// A store whose newest changes are in its log only, as after a crash.
Files MakeStore(const std::string& path, Clock& clock, std::mt19937_64& random) {
  Expected expected;
  auto made = ConfigStore::Open(WithTestChain(path), clock);
  const auto change = [&](int changes) {
    for (int i = 0; i < changes; ++i) {
      const Change next = expected.acknowledged.revision == 0
                              ? Import(kImported)
                              : RandomChange(*expected.acknowledged.snapshot, random);
      const auto committed = (*made)->Commit(next, {"stress", ""}, AppendToTestChain);
      EXPECT_TRUE(committed);
      expected.acknowledged = {committed->revision, std::make_shared<Snapshot>(After(
                                                        *expected.acknowledged.snapshot, next))};
    }
  };
  change(60);
  made->reset();  // moves the log into the file
  made = ConfigStore::Open(WithTestChain(path), clock);
  change(20);
  return {ReadFile(path), ReadFile(path + "-wal"), ReadFile(path + ".revision")};
}

TEST(ConfigStoreStress, DamageIsNoticedOrDoesNoHarm) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  SystemClock clock;
  const TempDirectory directory;
  const std::string path = directory.File("config.db");
  const Files good = MakeStore(path, clock, random);
  ASSERT_GT(good.main.size(), 50'000u);
  ASSERT_GT(good.log.size(), 50'000u);
  const auto put = [&](const Files& files) {
    std::filesystem::remove(path + "-shm");
    WriteFile(path, files.main);
    WriteFile(path + "-wal", files.log);
    WriteFile(path + ".revision", files.mark);
  };
  put(good);
  const std::string truth = AllAnswers(path, clock);
  ASSERT_FALSE(truth.starts_with("refused")) << truth;

  int refused = 0;
  const std::int64_t cases = base::Rounds(200, 5000);
  for (std::int64_t i = 0; i < cases; ++i) {
    Files bad = good;
    const std::size_t at = random() % (bad.main.size() + bad.log.size());
    std::string& file = at < bad.main.size() ? bad.main : bad.log;
    const std::size_t offset = at < bad.main.size() ? at : at - bad.main.size();
    const bool truncate = random() % 5 == 0;
    if (truncate) {
      file.resize(offset);
    } else {
      file[offset] = static_cast<char>(file[offset] ^ (1 << random() % 8));
    }
    put(bad);
    const std::string answers = AllAnswers(path, clock);
    if (answers.starts_with("refused")) {
      ++refused;
      continue;
    }
    ASSERT_EQ(answers, truth) << (truncate ? "cut at " : "flipped at ") << offset << " of "
                              << (&file == &bad.main ? "the file" : "the log");
  }
  fmt::print("{} of {} damages were refused, the others did no harm\n", refused, cases);
}

}  // namespace
}  // namespace prism::namespaces
