// All storage engines side by side under a clock that is moved by hand: 1,000,000 random commands
// in all, in several independent runs; 10,000,000 with PRISM_SOAK=1.
#include "tests/engine/random_commands.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/testing/rounds.h"
#include "tests/engine/subjects.h"

namespace prism::engine::testing {
namespace {

constexpr int kRuns = 8;
constexpr std::int64_t kCommands = 1'000'000;
constexpr std::int64_t kSoakCommands = 10'000'000;

// PRISM_SEED repeats a run; otherwise each run has its own, always the same.
std::uint64_t Seed(int run) {
  const char* seed = std::getenv("PRISM_SEED");
  return seed == nullptr ? static_cast<std::uint64_t>(run) : std::strtoull(seed, nullptr, 10);
}

class RandomCommandsStress : public ::testing::TestWithParam<int> {};

TEST_P(RandomCommandsStress, StoresAnswerLikeTheOracle) {
  // Odd runs have quotas that are met again and again.
  contract::NamespaceSettings settings = {.name = "test"};
  if (GetParam() % 2 == 1) {
    settings.max_keys = 60;
    settings.max_bytes = 6000;
  }
  ManualClock clock(1'700'000'000'000);
  const std::uint64_t seed = Seed(GetParam());
  RandomCommands commands(seed, settings, clock, AllSubjects(settings, clock));
  const std::string difference = commands.Run(base::Rounds(kCommands, kSoakCommands) / kRuns);
  fmt::print("seed {}\n{}quota refusals {}\n", seed, commands.CountsTable(), commands.refusals());
  EXPECT_EQ(difference, "") << "repeat with PRISM_SEED=" << seed;
  EXPECT_GT(std::ranges::min(commands.counts()), 0) << "a method was never called";
  EXPECT_EQ(commands.refusals() > 0, settings.max_keys != 0);
}

INSTANTIATE_TEST_SUITE_P(Runs, RandomCommandsStress, ::testing::Range(0, kRuns));

// The comparison itself must be able to fail: a store that forgets an expiry is found out.
class Forgetful final : public Subject {
 public:
  class Store final : public KeyValueStore {
   public:
    explicit Store(const contract::NamespaceSettings& settings) : inner_(settings) {}
    Result<std::optional<KeyValueRecord>> Get(std::string_view k, WallMillis now) override {
      return inner_.Get(k, now);
    }
    Result<bool> Exists(std::string_view k, WallMillis now) override {
      return inner_.Exists(k, now);
    }
    Result<std::optional<KeyValueRecord>> GetMeta(std::string_view k, WallMillis now) override {
      return inner_.GetMeta(k, now);
    }
    Result<Version> Set(std::string_view k, const KeyValueWrite& write, WallMillis now) override {
      return inner_.Set(k, {.value = write.value, .tags = write.tags}, now);
    }
    Result<bool> Delete(std::string_view k, WallMillis now) override {
      return inner_.Delete(k, now);
    }
    Result<ScanPage> Scan(const ScanQuery& query, WallMillis now) override {
      return inner_.Scan(query, now);
    }
    Result<PrefixProgress> CountPage(std::string_view p, std::string_view c, std::size_t n,
                                     WallMillis now) override {
      return inner_.CountPage(p, c, n, now);
    }
    Result<PrefixProgress> DeletePrefixPage(std::string_view p, std::string_view c, std::size_t n,
                                            WallMillis now) override {
      return inner_.DeletePrefixPage(p, c, n, now);
    }
    Result<bool> Expire(std::string_view k, WallMillis at, WallMillis now) override {
      return inner_.Expire(k, at, now);
    }
    Result<bool> Persist(std::string_view k, WallMillis now) override {
      return inner_.Persist(k, now);
    }
    Result<SwapOutcome> CompareAndSwap(std::string_view k, const KeyValueExpectation& e,
                                       const KeyValueWrite& write, WallMillis now) override {
      return inner_.CompareAndSwap(k, e, write, now);
    }
    Result<SwapOutcome> CompareAndDelete(std::string_view k, const KeyValueExpectation& e,
                                         WallMillis now) override {
      return inner_.CompareAndDelete(k, e, now);
    }
    Result<IncrementOutcome> Increment(std::string_view k, std::int64_t delta,
                                       WallMillis now) override {
      return inner_.Increment(k, delta, now);
    }
    Result<TransactOutcome> Transact(std::span<const TransactPrecondition> p,
                                     std::span<const TransactOperation> o,
                                     WallMillis now) override {
      return inner_.Transact(p, o, now);
    }
    Result<bool> Sweep(WallMillis now, std::size_t budget) override {
      return inner_.Sweep(now, budget);
    }

   private:
    OracleKeyValueStore inner_;
  };

  explicit Forgetful(const contract::NamespaceSettings& settings, Clock& clock)
      : honest_(AllSubjects(settings, clock)), store_(settings), models_{&store_} {}
  std::string_view name() const override { return "forgetful"; }
  const Session& session() override {
    session_.emplace(models_, honest_.front()->session().dedup());
    return *session_;
  }

 private:
  std::vector<std::unique_ptr<Subject>> honest_;
  Store store_;
  std::array<ModelStore*, 1> models_;
  std::optional<Session> session_;
};

TEST(RandomCommands, FindADifference) {
  const contract::NamespaceSettings settings = {.name = "test"};
  ManualClock clock(1'700'000'000'000);
  std::vector<std::unique_ptr<Subject>> subjects;
  subjects.push_back(std::make_unique<Forgetful>(settings, clock));
  RandomCommands commands(1, settings, clock, std::move(subjects));
  EXPECT_NE(commands.Run(10'000), "");
}

}  // namespace
}  // namespace prism::engine::testing
