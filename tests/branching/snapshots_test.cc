// States of branches that are kept, branches that are made of them, and branches that get other
// data.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "telemetry/log.h"
#include "tests/branching/house.h"
#include "tests/servers/postgres.h"

namespace prism::branching {
namespace {

using prism::testing::PostgresServer;
using testing::Ask;
using testing::AwaitTrue;
using testing::Connection;
using testing::Ground;
using testing::House;

class SnapshotsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres = std::make_unique<PostgresServer>();
    postgres->Stop();
  }
  static void TearDownTestSuite() { postgres.reset(); }

  void SetUp() override { Open(); }
  void Open(const BranchLimits& limits = {}) {
    house_.reset();
    house_ = std::make_unique<House>(ground_, postgres->data_directory(), limits);
    ASSERT_TRUE(house_->started()) << house_->started().error().ToString();
  }
  void TearDown() override {
    Open({.idle_timeout = 1});
    AwaitTrue([&] {
      for (const BranchStatus& branch : house_->manager().List()) {
        if (branch.state == BranchState::kRunning) return false;
      }
      return true;
    });
  }
  // "created" the first time.
  std::string Write(const std::string& branch, int x) {
    house_->AskIn(branch, "CREATE TABLE IF NOT EXISTS marks(x int)");
    return house_->AskIn(branch, "INSERT INTO marks VALUES(" + std::to_string(x) + ")");
  }
  std::string Marks(const std::string& branch, const std::string& options = "") {
    return house_->AskIn(branch, "SELECT string_agg(x::text, ',' ORDER BY x) FROM marks", options);
  }
  void AwaitNobodyIn() {
    AwaitTrue([&] {
      for (const BranchStatus& branch : house_->manager().List()) {
        if (branch.connections > 0) return false;
      }
      return true;
    });
  }

  static inline std::unique_ptr<PostgresServer> postgres;
  Ground ground_;
  std::unique_ptr<House> house_;
};

TEST_F(SnapshotsTest, ASnapshotKeepsWhatTheBranchHadWhileClientsAreIn) {
  ASSERT_EQ(Write("shop", 1), "INSERT 0 1");
  Connection inside = house_->Connect("shop");
  const auto taken = house_->TakeSnapshot("shop", "first");
  ASSERT_TRUE(taken) << taken.error().ToString();
  EXPECT_EQ(Ask(inside, "SELECT 1"), "1");
  EXPECT_EQ(taken->timeline, 1);
  EXPECT_NE(taken->checkpoint_lsn.find('/'), std::string::npos);
  EXPECT_EQ(taken->system_identifier,
            Ask(inside, "SELECT system_identifier FROM pg_control_system()"));
  EXPECT_EQ(taken->major, 15);
  Write("shop", 2);
  EXPECT_EQ(Marks("old", "-c prism.from=shop@first"), "1");
  EXPECT_EQ(Marks("new", "-c prism.from=shop"), "1,2");
  EXPECT_EQ(house_->AskIn("old", "SHOW prism.parent"), "shop");
  Open();
  ASSERT_EQ(house_->manager().Snapshots("shop")->size(), 1u);
  EXPECT_EQ(Marks("older", "-c prism.from=shop@first"), "1");
  EXPECT_EQ(house_->Delete("shop", true).error().reason(), "BRANCH_HAS_CHILDREN");
}

TEST_F(SnapshotsTest, NamesOfSnapshotsAreChecked) {
  ASSERT_TRUE(house_->Create("shop"));
  ASSERT_TRUE(house_->TakeSnapshot("shop", "first"));
  EXPECT_EQ(house_->TakeSnapshot("shop", "first").error().reason(), "SNAPSHOT_EXISTS");
  for (const char* name : {"../x", "Upper", "a b", "-", "x@y", "\xf0\x9f\x98\x80"}) {
    EXPECT_EQ(house_->TakeSnapshot("shop", name).error().reason(), "BAD_SNAPSHOT_NAME") << name;
  }
  EXPECT_EQ(house_->TakeSnapshot("shop", std::string(64, 'a')).error().reason(),
            "BAD_SNAPSHOT_NAME");
  EXPECT_EQ(house_->TakeSnapshot("none").error().reason(), "BRANCH_NOT_FOUND");
  const auto first = house_->TakeSnapshot("shop");
  const auto second = house_->TakeSnapshot("shop");
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->name, second->name);
  EXPECT_EQ(house_->DeleteSnapshot("shop", "never").error().reason(), "SNAPSHOT_NOT_FOUND");
  for (const Snapshot& snapshot : *house_->manager().Snapshots("shop")) {
    EXPECT_TRUE(house_->DeleteSnapshot("shop", snapshot.name));
  }
  EXPECT_EQ(house_->storage().List()->size(), 2u);  // the generation and the branch
}

TEST_F(SnapshotsTest, ABranchIsMadeOfTheNewestStateBeforeATime) {
  ASSERT_EQ(Write("shop", 1), "INSERT 0 1");
  const auto first = house_->TakeSnapshot("shop", "first");
  ASSERT_TRUE(first);
  Write("shop", 2);
  const auto second = house_->TakeSnapshot("shop", "second");
  ASSERT_TRUE(second);
  const auto at = [](WallMillis time) { return telemetry::FormatTime(time); };
  EXPECT_EQ(Marks("a", "-c prism.from=shop@" + at(second->created_at - 1)), "1");
  EXPECT_EQ(Marks("b", "-c prism.from=shop@" + at(second->created_at)), "1,2");
  EXPECT_EQ(house_->Create("c", "shop@" + at(first->created_at - 1)).error().reason(),
            "TIME_BEFORE_OLDEST");
  EXPECT_EQ(house_->Create("c", "shop@third").error().reason(), "PARENT_NOT_FOUND");
  EXPECT_EQ(house_->Create("c", "nobody@first").error().reason(), "PARENT_NOT_FOUND");
  EXPECT_EQ(house_->Create("c", "@").error().reason(), "PARENT_NOT_FOUND");
  const auto of_source = house_->Create("d", at(first->created_at));
  ASSERT_TRUE(of_source) << of_source.error().ToString();
  EXPECT_EQ(of_source->branch.parent, "source");
  EXPECT_TRUE(house_->Create("e", "source@" + at(first->created_at)));
  const std::string refused = house_->AskIn("f", "SELECT 1", "-c prism.from=2001-01-01T00:00:00Z");
  EXPECT_NE(refused.find("the oldest is of 20"), std::string::npos) << refused;
}

TEST_F(SnapshotsTest, ResettingTakesWhatTheParentHasNowAndKeepsTheRest) {
  ASSERT_EQ(Write("base", 1), "INSERT 0 1");
  EXPECT_EQ(Marks("child", "-c prism.from=base"), "1");
  Write("child", 9);
  Write("base", 2);
  Connection inside = house_->Connect("child");
  EXPECT_EQ(Ask(inside, "SELECT 1"), "1");
  EXPECT_EQ(house_->Reset("child").error().reason(), "BRANCH_IN_USE");
  const auto reset = house_->Reset("child", true);
  ASSERT_TRUE(reset) << reset.error().ToString();
  EXPECT_EQ(Marks("child"), "1,2");
  inside.reset();
  AwaitNobodyIn();
  const auto kept = house_->manager().Snapshots("child");
  ASSERT_EQ(kept->size(), 1u);
  EXPECT_TRUE(kept->front().name.starts_with("before-reset-")) << kept->front().name;
  EXPECT_TRUE(kept->front().is_automatic);
  Open();
  EXPECT_EQ(Marks("child"), "1,2");
  ASSERT_TRUE(house_->Restore("child", kept->front().name, true));
  EXPECT_EQ(Marks("child"), "1,9");
  EXPECT_EQ(house_->manager().Snapshots("child")->size(), 2u);
  // It has the volume that the branch began with, and goes alone.
  ASSERT_TRUE(house_->DeleteSnapshot("child", kept->front().name));
  Open();
  EXPECT_EQ(Marks("child"), "1,9");
  EXPECT_EQ(house_->Restore("child", "never", true).error().reason(), "SNAPSHOT_NOT_FOUND");
  ASSERT_TRUE(house_->Update("child", {.is_protected = true, .ttl = {}}));
  EXPECT_EQ(house_->Reset("child", true).error().reason(), "BRANCH_PROTECTED");
  EXPECT_EQ(house_->Restore("child", "any", true).error().reason(), "BRANCH_PROTECTED");
  EXPECT_EQ(Marks("child"), "1,9");
}

TEST_F(SnapshotsTest, OfWhatResetsKeepTheNewestStay) {
  ASSERT_EQ(Write("shop", 1), "INSERT 0 1");
  ASSERT_TRUE(house_->TakeSnapshot("shop", "taken"));
  for (std::size_t i = 0; i < kKeptAutomatic; ++i) ASSERT_TRUE(house_->Reset("shop", true));
  const auto all = house_->manager().Snapshots("shop");
  ASSERT_EQ(all->size(), kKeptAutomatic + 1);
  EXPECT_EQ(Marks("of-oldest", "-c prism.from=shop@" + all->at(1).name), "1");
  ASSERT_TRUE(house_->Restore("shop", all->at(1).name, true));
  EXPECT_EQ(Marks("shop"), "1");
  const auto left = house_->manager().Snapshots("shop");
  ASSERT_EQ(left->size(), kKeptAutomatic + 1);
  EXPECT_EQ(left->front().name, "taken");
  EXPECT_EQ(left->at(1).name, all->at(2).name);
  EXPECT_TRUE(left->back().name.starts_with("before-restore-"));
  // With the generation, the branch and the one that was made of what has gone.
  EXPECT_EQ(house_->storage().List()->size(), left->size() + 3);
  Open();
  EXPECT_EQ(house_->manager().Snapshots("shop")->size(), left->size());
  EXPECT_EQ(Marks("of-oldest"), "1");
}

TEST_F(SnapshotsTest, ABranchOfTheSourceIsResetToIt) {
  ASSERT_EQ(Write("shop", 1), "INSERT 0 1");
  AwaitNobodyIn();
  ASSERT_TRUE(house_->Reset("shop"));
  EXPECT_EQ(house_->AskIn("shop", "SELECT to_regclass('marks') IS NULL"), "t");
}

TEST_F(SnapshotsTest, SnapshotsGoWithTheirBranchAndComeBackWithIt) {
  ASSERT_EQ(Write("shop", 1), "INSERT 0 1");
  ASSERT_TRUE(house_->TakeSnapshot("shop", "first"));
  ASSERT_TRUE(house_->Delete("shop", true));
  EXPECT_EQ(house_->TakeSnapshot("shop", "second").error().reason(), "BRANCH_DELETED");
  ASSERT_TRUE(house_->Undelete("shop"));
  ASSERT_TRUE(house_->Restore("shop", "first", true));
  EXPECT_EQ(Marks("shop"), "1");
  ASSERT_TRUE(house_->Delete("shop", true));
  Open({.undo_period = 1});
  AwaitTrue([&] { return house_->manager().List().empty(); });
  EXPECT_EQ(house_->storage().List()->size(), 1u);  // the generation
}

TEST_F(SnapshotsTest, WhatABranchTakesUpIsMeasured) {
  ASSERT_TRUE(house_->Create("shop"));
  AwaitTrue([&] { return house_->manager().List()[0].size.has_value(); });
  const auto before = *house_->manager().List()[0].size;
  EXPECT_GT(before.usage.shared_bytes, 10u << 20);
  EXPECT_LT(before.usage.own_bytes, 1u << 20);
  EXPECT_EQ(house_->AskIn("shop",
                          "CREATE TABLE filler AS SELECT repeat(md5(i::text), 100) AS t "
                          "FROM generate_series(1, 5000) AS i"),
            "SELECT 5000");
  Open({.idle_timeout = 1});
  AwaitTrue([&] {
    const auto status = house_->manager().List()[0];
    return status.state == BranchState::kStopped && status.size &&
           status.size->usage.own_bytes > before.usage.own_bytes;
  });
}

TEST_F(SnapshotsTest, WhoseActivityLiesAheadOfTheClockIsMeasuredOnce) {
  const auto made = house_->Create("shop");
  ASSERT_TRUE(made);
  const WallMillis ahead = made->branch.last_activity + 3'600'000;
  house_.reset();  // it notes what it knows
  {
    sqlite::Executor executor;
    sqlite::PlainKind kind({Journal::Part()});
    const auto database =
        executor.Make({.path = ground_.File("branches.db"), .foreign_keys = true}, kind, nullptr);
    ASSERT_TRUE(database->Open());
    ASSERT_TRUE(Journal(*database).NoteActivity(made->branch.id, ahead));
  }
  Open();
  AwaitTrue([&] { return house_->manager().List()[0].size.has_value(); });
  EXPECT_GT(house_->manager().List()[0].size->measured_at, ahead);  // else it is due again
}

TEST_F(SnapshotsTest, TheEndOfALogIsWholeLines) {
  ASSERT_TRUE(house_->Create("shop"));
  EXPECT_EQ(house_->manager().ReadLog("shop", 1000), "");  // no server ran yet
  EXPECT_EQ(house_->AskIn("shop", "SELECT 1"), "1");
  const auto all = house_->manager().ReadLog("shop", 65536);
  ASSERT_TRUE(all);
  EXPECT_NE(all->find("ready to accept connections"), std::string::npos) << *all;
  const auto end = house_->manager().ReadLog("shop", all->size() - 1);
  ASSERT_TRUE(end);
  EXPECT_EQ(*end, all->substr(all->find('\n') + 1));
  EXPECT_EQ(house_->manager().ReadLog("nobody", 10).error().reason(), "BRANCH_NOT_FOUND");
}

TEST_F(SnapshotsTest, OneOwnerHasOnlySoMany) {
  Open({.of_owner = {.branches = 1}});
  EXPECT_EQ(house_->AskIn("one", "SELECT 1"), "1");
  EXPECT_NE(house_->AskIn("two", "SELECT 1").find("(postgres: 1 of 1)"), std::string::npos);
  ASSERT_TRUE(house_->Create("of-somebody"));
  EXPECT_EQ(house_->Create("more").error().reason(), "OWNER_BRANCH_LIMIT");
  ASSERT_TRUE(house_->Delete("of-somebody"));
  EXPECT_TRUE(house_->Create("more"));
}

TEST_F(SnapshotsTest, WhatAPowerCutTookIsMadeOfTheNewestSnapshot) {
  ASSERT_EQ(Write("shop", 1), "INSERT 0 1");
  ASSERT_TRUE(house_->TakeSnapshot("shop", "first"));
  ASSERT_TRUE(house_->Reset("shop", true));
  ASSERT_TRUE(house_->storage().Delete(house_->manager().List()[0].branch.volume));
  Open();
  EXPECT_EQ(Marks("shop"), "1");
}

}  // namespace
}  // namespace prism::branching
