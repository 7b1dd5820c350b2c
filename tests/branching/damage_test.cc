// What new branches begin with is damaged, on disk, while branches are served.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/branching/branches_fixture.h"

namespace prism::branching {
namespace {

namespace fs = std::filesystem;
using testing::AwaitTrue;
using ::testing::HasSubstr;

constexpr const char* kDamaged = "begins with are damaged";

// Its checksum fits no more.
void DamageControlFile(const std::string& volume) {
  const std::string path = volume + "/global/pg_control";
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(100);
  const int byte = file.get();
  file.seekp(100);
  file.put(static_cast<char>(~byte));
  ASSERT_TRUE(file.flush()) << path;
}

void TruncateLog(const std::string& volume) {
  int truncated = 0;
  for (const auto& entry : fs::directory_iterator(volume + "/pg_wal")) {
    if (!entry.is_regular_file()) continue;
    fs::resize_file(entry.path(), 0);
    ++truncated;
  }
  ASSERT_GT(truncated, 0) << volume;
}

// The first page of pg_database.
void BreakCatalog(const std::string& volume) {
  const std::string path = volume + "/global/1262";
  ASSERT_TRUE(fs::exists(path)) << path;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file << std::string(8192, '\xff');
  ASSERT_TRUE(file.flush()) << path;
}

// A template that is looked at each time, since nobody can see from outside whether it has changed.
class CountedSource final : public Source {
 public:
  CountedSource(Workshop& workshop, const std::string& directory, std::atomic<int>& looks)
      : of_(workshop, directory), looks_(looks) {}
  const std::string& name() const override { return of_.name(); }
  std::optional<std::string> Moment() const override { return std::nullopt; }
  runtime::Task<Result<SourceState>> Look() override {
    ++looks_;
    co_return co_await of_.Look();
  }
  runtime::Task<Status> Fill(const SourceState& state, std::string volume,
                             const std::atomic<bool>* stop) override {
    co_return co_await of_.Fill(state, std::move(volume), stop);
  }

 private:
  TemplateSource of_;
  std::atomic<int>& looks_;
};

class DamageTest : public testing::BranchesTest {
 protected:
  void OpenCounted(const BranchLimits& limits) {
    house_ = std::make_unique<testing::House>(
        ground_,
        [this](runtime::Shard&, Workshop& workshop, const PostgresPrograms&) {
          return std::make_unique<CountedSource>(workshop, postgres->data_directory(), looks_);
        },
        limits);
    ASSERT_TRUE(house_->started()) << house_->started().error().ToString();
  }
  std::vector<Generation> Generations() { return *house_->journal().GenerationsOf(kSourceName); }
  std::string Newest() { return Generations().back().id; }
  // It is frozen no more.
  std::string NewestVolume() {
    const std::string volume = *house_->storage().Path(Newest());
    EXPECT_EQ(std::system(("btrfs property set -ts " + volume + " ro false").c_str()), 0);
    return volume;
  }
  Branch BranchNamed(const std::string& name) {
    for (const BranchStatus& status : house_->manager().List()) {
      if (status.branch.name == name) return status.branch;
    }
    return {};
  }
  void AwaitWhole(const std::string& branch) {
    AwaitTrue([&] { return house_->AskIn(branch, "SELECT count(*) FROM things") == "100"; });
  }
  void CheckMadeAgain(void (*damage)(const std::string&), const char* told) {
    Open();
    ASSERT_EQ(house_->AskIn("before", "CREATE TABLE marks AS SELECT 7 AS x"), "SELECT 1");
    const std::string generation = Newest();
    ASSERT_NO_FATAL_FAILURE(damage(NewestVolume()));
    EXPECT_THAT(house_->AskIn("new", "SELECT 1"), HasSubstr(told));
    AwaitWhole("new");
    EXPECT_NE(BranchNamed("new").generation, generation);
    EXPECT_EQ(house_->AskIn("next", "SELECT count(*) FROM things"), "100");
    EXPECT_EQ(house_->AskIn("before", "SELECT x FROM marks"), "7");
    EXPECT_EQ(BranchNamed("before").generation, generation);
    EXPECT_TRUE(house_->manager().Snapshots("new")->empty());
    EXPECT_EQ(house_->manager().List().size(), 3U);
  }

  std::atomic<int> looks_ = 0;  // at the source
};

TEST_F(DamageTest, WithoutItsControlFileAStateIsMadeAgain) {
  CheckMadeAgain(DamageControlFile, kDamaged);
}

TEST_F(DamageTest, WithoutItsLogAStateIsMadeAgain) { CheckMadeAgain(TruncateLog, kDamaged); }

TEST_F(DamageTest, WithBrokenPagesAStateIsMadeAgain) {
  CheckMadeAgain(BreakCatalog, "invalid page in block 0 of relation global/1262");
}

TEST_F(DamageTest, AStateThatIsNoDataDirectoryIsMadeAgain) {
  CheckMadeAgain([](const std::string& volume) { fs::remove(volume + "/PG_VERSION"); }, kDamaged);
}

TEST_F(DamageTest, ABranchOfAnAdministratorStaysWhatItIs) {
  Open();
  ASSERT_NO_FATAL_FAILURE(DamageControlFile(NewestVolume()));
  ASSERT_TRUE(house_->Create("made"));
  ASSERT_TRUE(house_->Update("made", {.is_protected = true, .ttl = {}}));
  const Branch before = BranchNamed("made");
  EXPECT_THAT(house_->AskIn("made", "SELECT 1"), HasSubstr(kDamaged));
  AwaitWhole("made");
  const Branch after = BranchNamed("made");
  EXPECT_EQ(after.id, before.id);
  EXPECT_TRUE(after.is_protected);
  EXPECT_NE(after.generation, before.generation);
  EXPECT_FALSE(fs::exists(*house_->storage().Path(before.volume)));
}

TEST_F(DamageTest, ABranchWithChildrenIsMadeAgainToo) {
  Open();
  ASSERT_NO_FATAL_FAILURE(DamageControlFile(NewestVolume()));
  ASSERT_TRUE(house_->Create("mother"));
  ASSERT_TRUE(house_->Create("child", "mother"));
  EXPECT_THAT(house_->AskIn("mother", "SELECT 1"), HasSubstr(kDamaged));
  AwaitWhole("mother");
  EXPECT_EQ(BranchNamed("child").parent, "mother");
  EXPECT_THAT(house_->AskIn("child", "SELECT 1"), HasSubstr("can't be started"));
}

TEST_F(DamageTest, ABranchThatSomebodyWasInKeepsItsData) {
  Open({.idle_timeout = kNanosPerMilli});
  ASSERT_EQ(house_->AskIn("kept", "CREATE TABLE marks AS SELECT 7 AS x"), "SELECT 1");
  AwaitTrue([&] { return AllRest(); });
  const Branch before = BranchNamed("kept");
  const std::string control = *house_->storage().Path(before.volume) + "/global/pg_control";
  const std::string saved = ground_.File("pg_control");
  fs::copy_file(control, saved);
  ASSERT_NO_FATAL_FAILURE(DamageControlFile(*house_->storage().Path(before.volume)));
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(house_->AskIn("kept", "SELECT 1"), HasSubstr("can't be started"));
  }
  EXPECT_EQ(BranchNamed("kept").volume, before.volume);
  EXPECT_EQ(house_->AskIn("new", "SELECT count(*) FROM things"), "100");
  EXPECT_EQ(BranchNamed("new").generation, before.generation);
  std::ofstream(control, std::ios::binary) << std::ifstream(saved, std::ios::binary).rdbuf();
  EXPECT_EQ(house_->AskIn("kept", "SELECT x FROM marks"), "7");
}

TEST_F(DamageTest, WhatIsDamagedAgainAtOnceIsNotMadeOverAndOver) {
  OpenCounted({.refresh_interval = kNanosPerMilli});
  ASSERT_NO_FATAL_FAILURE(TruncateLog(NewestVolume()));
  EXPECT_THAT(house_->AskIn("first", "SELECT 1"), HasSubstr(kDamaged));
  AwaitWhole("first");
  const std::string second = Newest();
  ASSERT_NO_FATAL_FAILURE(TruncateLog(NewestVolume()));
  for (const char* name : {"a", "a", "b", "b"}) {
    EXPECT_THAT(house_->AskIn(name, "SELECT 1"), HasSubstr(kDamaged));
  }
  // The second one begins when what the first has found is done.
  const int before = looks_;
  AwaitTrue([&] { return looks_ >= before + 2; });
  EXPECT_EQ(Newest(), second);
  EXPECT_EQ(house_->AskIn("first", "SELECT count(*) FROM things"), "100");
}

TEST_F(DamageTest, TheWarmPoolNoticesItBeforeAClientDoes) {
  Open({.warm_pool = 1});
  AwaitTrue([&] { return house_->manager().spares() == 1; });
  const std::string generation = Newest();
  ASSERT_NO_FATAL_FAILURE(DamageControlFile(NewestVolume()));
  EXPECT_EQ(house_->AskIn("taken", "SELECT count(*) FROM things"), "100");
  AwaitTrue([&] { return Newest() != generation; });
  AwaitWhole("new");
  EXPECT_EQ(house_->AskIn("taken", "SELECT count(*) FROM things"), "100");
}

}  // namespace
}  // namespace prism::branching
