// Branches as clients see them: the proxy, the manager, btrfs and real servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <semaphore>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/branching/branches_fixture.h"

namespace prism::branching {
namespace {

using testing::Ask;
using testing::AwaitTrue;
using testing::BranchesTest;
using testing::Connection;
using testing::Ground;
using ::testing::HasSubstr;
using testing::House;

TEST_F(BranchesTest, ConnectingMakesABranchOfItsOwn) {
  Open();
  EXPECT_EQ(house_->AskIn("one", "SELECT count(*) FROM things"), "100");
  EXPECT_EQ(house_->AskIn("one", "DELETE FROM things WHERE id <= 10"), "DELETE 10");
  EXPECT_EQ(house_->AskIn("one", "SELECT count(*) FROM things"), "90");
  EXPECT_EQ(house_->AskIn("two", "SELECT count(*) FROM things"), "100");
  EXPECT_EQ(house_->AskIn("two", "SHOW prism.branch"), "two");
  EXPECT_EQ(house_->AskIn("two", "SHOW prism.parent"), "source");
  EXPECT_EQ(house_->manager().List().size(), 2u);
}

TEST_F(BranchesTest, NothingIsMadeForAStranger) {
  Open();
  const Connection stranger = house_->Connect("mine", "wrong");
  EXPECT_EQ(PQstatus(stranger.get()), CONNECTION_BAD);
  EXPECT_EQ(house_->manager().List().size(), 0u);
  EXPECT_NE(house_->AskIn("forbidden", "SELECT 1").find("FATAL"), std::string::npos);
  EXPECT_NE(house_->AskIn("default", "SELECT 1").find("FATAL"), std::string::npos);
  EXPECT_EQ(house_->manager().List().size(), 0u);
}

TEST_F(BranchesTest, ManyClientsGetOneBranch) {
  Open();
  std::vector<std::thread> clients;
  std::atomic<int> served = 0;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back([&] {
      if (house_->AskIn("shared", "SELECT count(*) FROM things") == "100") served.fetch_add(1);
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(served.load(), 50);
  EXPECT_EQ(house_->manager().List().size(), 1u);
}

TEST_F(BranchesTest, IdleBranchesRestAndWakeWithTheirData) {
  Open({.idle_timeout = 50 * kNanosPerMilli});
  EXPECT_EQ(house_->AskIn("sleepy", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  Connection open = house_->Connect("sleepy");
  const std::string started = Ask(open, "SELECT pg_postmaster_start_time()");
  // Nobody is cut off, however long it does nothing.
  ::usleep(300'000);  // lint-allow(sleep): what must not happen in this time
  EXPECT_EQ(Ask(open, "SELECT pg_postmaster_start_time()"), started);
  open.reset();
  AwaitTrue([&] { return AllAre(BranchState::kStopped); });
  EXPECT_NE(house_->AskIn("sleepy", "SELECT pg_postmaster_start_time()"), started);
  EXPECT_EQ(house_->AskIn("sleepy", "SELECT x FROM mine"), "7");
}

TEST_F(BranchesTest, ServersGoOnWhilePrismDoesNot) {
  Open();
  EXPECT_EQ(house_->AskIn("kept", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  const std::string started = house_->AskIn("kept", "SELECT pg_postmaster_start_time()");
  Open();
  EXPECT_EQ(house_->AskIn("kept", "SELECT pg_postmaster_start_time()"), started);
  EXPECT_EQ(house_->AskIn("kept", "SELECT x FROM mine"), "7");
}

TEST_F(BranchesTest, AServerThatDiedIsStartedAgain) {
  Open();
  EXPECT_EQ(house_->AskIn("hurt", "SELECT 1"), "1");
  const std::string started = house_->AskIn("hurt", "SELECT pg_postmaster_start_time()");
  // The postmaster is the first process of its own world: it ends by what it handles.
  house_->AskIn("hurt", "COPY (SELECT 1) TO PROGRAM 'kill -QUIT 1'");
  AwaitTrue([&] { return AllAre(BranchState::kStopped); });
  EXPECT_NE(house_->AskIn("hurt", "SELECT pg_postmaster_start_time()"), started);
}

TEST_F(BranchesTest, ADeletedBranchCanBeHadBackAndItsNameMakesNoOther) {
  Open();
  EXPECT_EQ(house_->AskIn("gone", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  Connection open = house_->Connect("gone");
  EXPECT_EQ(house_->Delete("gone").error().reason(), "BRANCH_IN_USE");
  open.reset();
  AwaitTrue([&] { return house_->manager().List()[0].connections == 0; });
  const auto deleted = house_->Delete("gone");
  ASSERT_TRUE(deleted) << deleted.error().ToString();
  EXPECT_EQ(deleted->state, BranchState::kDeleted);
  EXPECT_NE(house_->AskIn("gone", "SELECT 1").find("deleted"), std::string::npos);
  Open();
  EXPECT_NE(house_->AskIn("gone", "SELECT 1").find("deleted"), std::string::npos);
  const auto back = house_->Undelete("gone");
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_EQ(house_->AskIn("gone", "SELECT x FROM mine"), "7");
  EXPECT_EQ(house_->Undelete("gone").error().reason(), "BRANCH_NOT_DELETED");
  EXPECT_EQ(house_->Delete("never").error().reason(), "BRANCH_NOT_FOUND");
}

TEST_F(BranchesTest, AfterTheUndoPeriodTheNameIsFree) {
  Open({.undo_period = 1});
  EXPECT_EQ(house_->AskIn("again", "DELETE FROM things"), "DELETE 100");
  const Connection cut = house_->Connect("again");
  const auto deleted = house_->Delete("again", true);
  ASSERT_TRUE(deleted) << deleted.error().ToString();
  AwaitTrue([&] { return house_->manager().List().empty(); });
  EXPECT_EQ(house_->storage().List()->size(), 1u);  // the generation
  EXPECT_EQ(house_->AskIn("again", "SELECT count(*) FROM things"), "100");
}

TEST_F(BranchesTest, AServerThatIsStoppedIsStartedForTheNextClient) {
  Open();
  EXPECT_EQ(house_->AskIn("busy", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  Connection inside = house_->Connect("busy");
  EXPECT_EQ(house_->StopBranch("busy").error().reason(), "BRANCH_IN_USE");
  EXPECT_EQ(Ask(inside, "SELECT x FROM mine"), "7");
  const auto stopped = house_->StopBranch("busy", true);
  ASSERT_TRUE(stopped) << stopped.error().ToString();
  EXPECT_EQ(stopped->state, BranchState::kStopped);
  EXPECT_NE(Ask(inside, "SELECT 1"), "1");
  inside.reset();
  AwaitTrue([&] { return house_->manager().List()[0].connections == 0; });
  EXPECT_TRUE(house_->StopBranch("busy"));  // once more
  EXPECT_EQ(house_->AskIn("busy", "SELECT x FROM mine"), "7");
  EXPECT_EQ(house_->StopBranch("never").error().reason(), "BRANCH_NOT_FOUND");
  ASSERT_TRUE(house_->Delete("busy", true));
  EXPECT_EQ(house_->StopBranch("busy").error().reason(), "BRANCH_DELETED");
}

TEST_F(BranchesTest, WhatIsPurgedIsGoneAtOnce) {
  Open();
  EXPECT_EQ(house_->AskIn("base", "SELECT count(*) FROM things"), "100");
  EXPECT_EQ(house_->AskIn("child", "DELETE FROM things", "-c prism.from=base"), "DELETE 100");
  ASSERT_TRUE(house_->TakeSnapshot("child", "kept"));
  const Deletion purge{.force = true, .purge = true};
  EXPECT_EQ(house_->Delete("base", purge).error().reason(), "BRANCH_HAS_CHILDREN");
  ASSERT_TRUE(house_->Delete("child", true));
  EXPECT_EQ(house_->storage().List()->size(), 4u);  // two, the snapshot, and the generation
  // With those that were deleted before.
  const auto purged = house_->Delete("base", {.force = true, .recursive = true, .purge = true});
  ASSERT_TRUE(purged) << purged.error().ToString();
  EXPECT_EQ(purged->state, BranchState::kRemoving);
  EXPECT_EQ(house_->storage().List()->size(), 1u);
  EXPECT_TRUE(house_->manager().List().empty());
  EXPECT_EQ(house_->Undelete("base").error().reason(), "BRANCH_NOT_FOUND");
  EXPECT_EQ(house_->AskIn("base", "SELECT count(*) FROM things"), "100");
  ASSERT_TRUE(house_->Delete("base", true));
  ASSERT_TRUE(house_->Delete("base", purge));
  EXPECT_EQ(house_->storage().List()->size(), 1u);
  Open();
  EXPECT_TRUE(house_->manager().List().empty());
}

TEST_F(BranchesTest, ASourceThatMovedOnIsPreparedAgain) {
  Open();
  EXPECT_EQ(house_->AskIn("old", "SELECT count(*) FROM things"), "100");
  house_.reset();
  postgres->Start();
  {
    const Connection admin(PQconnectdb(postgres->conninfo().c_str()));
    EXPECT_EQ(Ask(admin, "CREATE TABLE more AS SELECT 1 AS x"), "SELECT 1");
  }
  Open();  // it runs: there is what was made of it before
  const auto source = [&] { return house_->manager().ListSources().front(); };
  AwaitTrue([&] { return source().failure.has_value(); });
  EXPECT_EQ(source().failure->reason(), "SOURCE_RUNNING");
  const std::string before = source().newest->id;
  EXPECT_EQ(house_->AskIn("old", "SELECT count(*) FROM things"), "100");
  postgres->Stop();
  Open();
  AwaitTrue([&] { return source().newest->id != before; });
  EXPECT_EQ(house_->AskIn("new", "SELECT x FROM more"), "1");
  EXPECT_NE(house_->AskIn("old", "SELECT x FROM more"), "1");
  EXPECT_EQ(house_->storage().List()->size(), 4u);
  ASSERT_TRUE(house_->Delete("old", true));
  Open({.undo_period = 1});
  AwaitTrue([&] { return house_->manager().List().size() == 1; });
  Open();
  EXPECT_EQ(house_->storage().List()->size(), 2u);  // the old generation has gone, too
}

TEST_F(BranchesTest, ASourceThatMovesOnIsFollowed) {
  Open({.warm_pool = 1, .refresh_interval = 20 * kNanosPerMilli, .keep_generations = 1});
  EXPECT_EQ(house_->AskIn("old", "SELECT count(*) FROM things"), "100");
  const std::string first = house_->manager().List()[0].branch.generation;
  postgres->Start();
  {
    const Connection admin(PQconnectdb(postgres->conninfo().c_str()));
    EXPECT_EQ(Ask(admin, "CREATE TABLE followed AS SELECT 1 AS x"), "SELECT 1");
    EXPECT_EQ(Ask(admin, "CREATE ROLE late LOGIN SUPERUSER PASSWORD 'secret'"), "CREATE ROLE");
  }
  EXPECT_EQ(house_->AskIn("meanwhile", "SELECT count(*) FROM things"), "100");
  postgres->Stop();
  AwaitTrue([&] { return house_->journal().Generations()->size() == 2; });
  AwaitTrue([&] {  // it is there a moment before it counts
    const Connection late = house_->Connect("new", "secret", "", "late");
    return PQstatus(late.get()) == CONNECTION_OK && Ask(late, "SELECT x FROM followed") == "1";
  });
  EXPECT_NE(house_->AskIn("old", "SELECT x FROM followed"), "1");
  ASSERT_TRUE(house_->Delete("meanwhile", true));
  ASSERT_TRUE(house_->Delete("old", true));
  EXPECT_EQ(house_->journal().Generations()->size(), 2u);  // one is still theirs
}

TEST_F(BranchesTest, WhoLeavesLateTakesNoUndoPeriodAway) {
  Open({.idle_timeout = 1});
  EXPECT_EQ(house_->AskIn("kept", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  Connection late = house_->Connect("kept");
  ASSERT_TRUE(house_->Delete("kept", true));
  late.reset();
  AwaitTrue([&] { return house_->manager().List()[0].connections == 0; });
  ASSERT_TRUE(house_->Undelete("kept"));
  EXPECT_EQ(house_->AskIn("kept", "SELECT x FROM mine"), "7");
}

TEST_F(BranchesTest, AStoreThatIsNotThereIsNotForgotten) {
  Open({.idle_timeout = 1});
  EXPECT_EQ(house_->AskIn("kept", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  AwaitTrue([&] { return AllAre(BranchState::kStopped); });
  house_.reset();
  const std::string volumes = ground_.file_system->path() + "/store/volumes";
  std::filesystem::rename(volumes, volumes + "-elsewhere");
  EXPECT_NE(OpenError().find("STORE_EMPTY"), std::string::npos);
  std::filesystem::remove(volumes);
  std::filesystem::rename(volumes + "-elsewhere", volumes);
  Open();
  EXPECT_EQ(house_->AskIn("kept", "SELECT x FROM mine"), "7");
}

TEST_F(BranchesTest, ABranchWhoseDataWereRemovedByHandSaysSoAndCanBeDeleted) {
  Open({.idle_timeout = 1});
  EXPECT_EQ(house_->AskIn("one", "DELETE FROM things"), "DELETE 100");
  AwaitTrue([&] { return AllAre(BranchState::kStopped); });
  const std::string path = *house_->storage().Path(house_->manager().List().front().branch.volume);
  ASSERT_EQ(std::system(("btrfs subvolume delete " + path + " > /dev/null").c_str()), 0);
  EXPECT_THAT(house_->AskIn("one", "SELECT 7"), HasSubstr("are not in the store any more"));
  ASSERT_TRUE(house_->Delete("one", Deletion{.purge = true}));
  EXPECT_EQ(house_->AskIn("one", "SELECT count(*) FROM things"), "100");
}

TEST_F(BranchesTest, WhatAPowerCutTookIsMadeAnew) {
  Open({.idle_timeout = 1});
  EXPECT_EQ(house_->AskIn("lost", "DELETE FROM things"), "DELETE 100");
  AwaitTrue([&] { return AllAre(BranchState::kStopped); });
  ASSERT_TRUE(house_->storage().Delete(house_->manager().List()[0].branch.volume));
  Open();
  EXPECT_TRUE(house_->manager().List().empty());
  EXPECT_EQ(house_->AskIn("lost", "SELECT count(*) FROM things"), "100");
}

TEST_F(BranchesTest, AWarmServerOnlyHasToBeNamed) {
  Open({.warm_pool = 1});
  const auto volumes = [&] {
    const auto listed = house_->storage().List();
    EXPECT_TRUE(listed);
    return std::set<std::string>(listed->begin(), listed->end());
  };
  AwaitTrue([&] { return house_->manager().spares() == 1; });
  const std::set<std::string> before = volumes();
  EXPECT_EQ(before.size(), 2u);  // the generation is the other one
  EXPECT_EQ(house_->AskIn("one", "SHOW prism.branch"), "one");
  EXPECT_TRUE(before.contains(house_->manager().List()[0].branch.volume));
  AwaitTrue([&] { return house_->manager().spares() == 1; });
  EXPECT_EQ(volumes().size(), 3u);
  EXPECT_EQ(house_->AskIn("two", "SELECT count(*) FROM things"), "100");
  EXPECT_EQ(house_->AskIn("one", "DROP TABLE things"), "DROP TABLE");
  EXPECT_EQ(house_->AskIn("two", "SELECT count(*) FROM things"), "100");

  Open();  // what was not named is gone
  EXPECT_EQ(volumes().size(), 3u);
  EXPECT_EQ(house_->manager().List().size(), 2u);
  EXPECT_EQ(house_->AskIn("two", "SELECT count(*) FROM things"), "100");
}

TEST_F(BranchesTest, ABranchCanBeMadeBeforeAnybodyComes) {
  Open();
  const auto made = house_->Create("prepared");
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(made->state, BranchState::kStopped);
  EXPECT_EQ(house_->Create("prepared").error().reason(), "BRANCH_EXISTS");
  EXPECT_EQ(house_->Create("default").error().reason(), "RESERVED_BRANCH_NAME");
  EXPECT_EQ(house_->AskIn("prepared", "SELECT count(*) FROM things"), "100");
}

// What it writes is not in order without fsync, so it stands still for a moment.
TEST_F(BranchesTest, ABranchIsMadeOfADisposableBranchInUse) {
  Open();
  const Connection writer = house_->Connect("base");
  EXPECT_EQ(Ask(writer, "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  EXPECT_EQ(house_->AskIn("child", "SELECT sum(x) FROM mine", "-c prism.from=base"), "7");
  EXPECT_TRUE(house_->TakeSnapshot("base", "first"));
  EXPECT_EQ(Ask(writer, "INSERT INTO mine VALUES(1)"), "INSERT 0 1");
  EXPECT_EQ(house_->AskIn("other", "SELECT sum(x) FROM mine", "-c prism.from=base"), "8");
  EXPECT_EQ(house_->AskIn("child", "SELECT sum(x) FROM mine"), "7");
}

// The first start of a copy takes as long as what it has to replay.
TEST_F(BranchesTest, WhoWroteMuchMakesACheckpointBeforeItIsCopied) {
  Open();
  const Connection writer = house_->Connect("base");
  const std::string redo = "SELECT redo_lsn FROM pg_control_checkpoint()";
  const std::string before = Ask(writer, redo);
  EXPECT_EQ(house_->AskIn("near", "SELECT 1", "-c prism.from=base"), "1");
  EXPECT_EQ(Ask(writer, redo), before);
  EXPECT_EQ(Ask(writer, "CREATE TABLE many AS SELECT generate_series(1, 200000) AS x"),
            "SELECT 200000");
  EXPECT_EQ(house_->AskIn("far", "SELECT count(*) FROM many", "-c prism.from=base"), "200000");
  EXPECT_NE(Ask(writer, redo), before);
}

TEST_F(BranchesTest, ABranchIsMadeOfARunningBranch) {
  ground_.profile = InstanceProfile::kDurable;
  Open();
  Connection writer = house_->Connect("base");
  EXPECT_EQ(Ask(writer, "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  EXPECT_EQ(Ask(writer, "BEGIN"), "BEGIN");
  EXPECT_EQ(Ask(writer, "INSERT INTO mine VALUES(8)"), "INSERT 0 1");
  EXPECT_EQ(house_->AskIn("child", "SELECT sum(x) FROM mine", "-c prism.from=base"), "7");
  EXPECT_EQ(Ask(writer, "COMMIT"), "COMMIT");
  EXPECT_EQ(Ask(writer, "SELECT sum(x) FROM mine"), "15");
  EXPECT_EQ(house_->AskIn("child", "SHOW prism.parent"), "base");
  EXPECT_EQ(house_->AskIn("child", "UPDATE mine SET x = 1"), "UPDATE 1");
  EXPECT_EQ(Ask(writer, "SELECT sum(x) FROM mine"), "15");
  EXPECT_EQ(house_->AskIn("orphan", "SELECT 1", "-c prism.from=nobody").find("15"),
            std::string::npos);
  EXPECT_EQ(house_->Create("orphan", "nobody").error().reason(), "PARENT_NOT_FOUND");
  EXPECT_EQ(house_->Create("orphan", "orphan").error().reason(), "PARENT_NOT_FOUND");
  EXPECT_EQ(house_->Create("orphan", "../x").error().reason(), "PARENT_NOT_FOUND");
  EXPECT_EQ(house_->Create("orphan", "").error().reason(), "PARENT_NOT_FOUND");
  ASSERT_TRUE(house_->Rename("base", "elder"));
  EXPECT_EQ(house_->manager().List()[0].branch.parent, "elder");
  Open();
  EXPECT_EQ(house_->manager().List()[0].branch.name, "child");
  EXPECT_EQ(house_->manager().List()[0].branch.parent, "elder");
}

TEST_F(BranchesTest, ABranchIsMadeOfAStoppedBranch) {
  Open({.idle_timeout = 1});
  EXPECT_EQ(house_->AskIn("base", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  AwaitTrue([&] { return AllAre(BranchState::kStopped); });
  ASSERT_TRUE(house_->Create("child", "base"));
  EXPECT_EQ(house_->AskIn("child", "SELECT x FROM mine"), "7");
  ASSERT_TRUE(house_->Delete("base", true, true));
  EXPECT_EQ(house_->Create("other", "base").error().reason(), "BRANCH_DELETED");
}

TEST_F(BranchesTest, WhoWaitsTooLongIsToldWhatFor) {
  std::binary_semaphore may_go_on{0};
  house_ = std::make_unique<House>(
      ground_, postgres->data_directory(), BranchLimits{},
      [&](std::string_view step) {
        if (step == "branch-begun") may_go_on.acquire();
      },
      ProxyLimits{.hold_timeout = 200 * kNanosPerMilli});
  ASSERT_TRUE(house_->started()) << house_->started().error().ToString();
  EXPECT_THAT(house_->AskIn("slow", "SELECT 1"), HasSubstr("branch \"slow\" is still being made"));
  may_go_on.release();
  AwaitTrue([&] { return house_->AskIn("slow", "SELECT 1") == "1"; });
  Open();
}

TEST_F(BranchesTest, WhatCantBeMadeIsNotSaidToBeOnItsWay) {
  Open();
  const std::string volumes = std::filesystem::path(*house_->storage().Path("any")).parent_path();
  ASSERT_EQ(std::system(("chattr +i " + volumes).c_str()), 0);
  EXPECT_THAT(house_->AskIn("new", "SELECT 1"), HasSubstr("branch \"new\" can't be made\n"));
  ASSERT_EQ(std::system(("chattr -i " + volumes).c_str()), 0);
  EXPECT_EQ(house_->AskIn("new", "SELECT 1"), "1");
}

TEST_F(BranchesTest, AStorageThatIsNotAtomicClonesOnlyWhatStandsStill) {
  const Ground ground("ext4", "copy");
  house_ =
      std::make_unique<House>(ground, postgres->data_directory(), BranchLimits{.idle_timeout = 1});
  ASSERT_TRUE(house_->started()) << house_->started().error().ToString();
  Connection inside = house_->Connect("base");
  EXPECT_EQ(Ask(inside, "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  EXPECT_EQ(house_->Create("child", "base").error().reason(), "BRANCH_IN_USE");
  const std::string told = house_->AskIn("child", "SELECT 1", "-c prism.from=base");
  EXPECT_NE(told.find("clients are in branch \"base\", and this store can't copy"),
            std::string::npos)
      << told;
  EXPECT_EQ(told.find("force"), std::string::npos) << told;
  inside.reset();
  AwaitTrue([&] { return AllAre(BranchState::kStopped); });
  EXPECT_EQ(house_->AskIn("child", "SELECT x FROM mine", "-c prism.from=base"), "7");
  EXPECT_EQ(house_->AskIn("base", "SELECT x FROM mine"), "7");
  AwaitTrue([&] { return AllAre(BranchState::kStopped); });
  house_.reset();
}

TEST_F(BranchesTest, ChildrenGoWithTheirParentOrKeepIt) {
  Open();
  ASSERT_TRUE(house_->Create("top"));
  ASSERT_TRUE(house_->Create("middle", "top"));
  ASSERT_TRUE(house_->Create("bottom", "middle"));
  ASSERT_TRUE(house_->Create("beside"));
  EXPECT_EQ(house_->Delete("top").error().reason(), "BRANCH_HAS_CHILDREN");
  ASSERT_TRUE(house_->Update("bottom", {.is_protected = true, .ttl = {}}));
  EXPECT_EQ(house_->Delete("top", true, true).error().reason(), "BRANCH_PROTECTED");
  EXPECT_TRUE(AllAre(BranchState::kStopped));
  ASSERT_TRUE(house_->Update("bottom", {.is_protected = false, .ttl = {}}));
  Connection inside = house_->Connect("bottom");
  EXPECT_EQ(house_->Delete("top", false, true).error().reason(), "BRANCH_IN_USE");
  EXPECT_EQ(Ask(inside, "SELECT 1"), "1");
  ASSERT_TRUE(house_->Delete("top", true, true));
  for (const BranchStatus& status : house_->manager().List()) {
    EXPECT_EQ(status.branch.deleted_at.has_value(), status.branch.name != "beside");
  }
  ASSERT_TRUE(house_->Undelete("middle"));
  EXPECT_EQ(house_->AskIn("middle", "SELECT count(*) FROM things"), "100");
}

TEST_F(BranchesTest, AProtectedBranchIsNotDeleted) {
  Open();
  EXPECT_EQ(house_->AskIn("kept", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  const auto protecting = house_->Update("kept", {.is_protected = true, .ttl = {}});
  ASSERT_TRUE(protecting) << protecting.error().ToString();
  EXPECT_TRUE(protecting->branch.is_protected);
  Open();
  EXPECT_EQ(house_->Delete("kept", true).error().reason(), "BRANCH_PROTECTED");
  EXPECT_EQ(house_->AskIn("kept", "SELECT x FROM mine"), "7");
  ASSERT_TRUE(house_->Update("kept", {.is_protected = false, .ttl = {}}));
  EXPECT_TRUE(house_->Delete("kept", true));
  EXPECT_EQ(house_->Update("kept", {.is_protected = true, .ttl = {}}).error().reason(),
            "BRANCH_DELETED");
  EXPECT_EQ(house_->Update("never", {}).error().reason(), "BRANCH_NOT_FOUND");
}

TEST_F(BranchesTest, ARenamedBranchKeepsItsServerAndItsClients) {
  Open();
  Connection inside = house_->Connect("before");
  EXPECT_EQ(Ask(inside, "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  const std::string started = Ask(inside, "SELECT pg_postmaster_start_time()");
  EXPECT_EQ(house_->Rename("before", "default").error().reason(), "RESERVED_BRANCH_NAME");
  EXPECT_EQ(house_->Rename("nobody", "after").error().reason(), "BRANCH_NOT_FOUND");
  const auto renamed = house_->Rename("before", "after");
  ASSERT_TRUE(renamed) << renamed.error().ToString();
  EXPECT_EQ(renamed->branch.name, "after");
  EXPECT_EQ(Ask(inside, "SELECT x FROM mine"), "7");
  EXPECT_EQ(house_->AskIn("after", "SELECT pg_postmaster_start_time()"), started);
  EXPECT_EQ(house_->AskIn("after", "SHOW prism.branch"), "after");
  EXPECT_EQ(house_->AskIn("before", "SELECT to_regclass('mine') IS NULL"), "t");  // another one
  EXPECT_EQ(house_->Rename("before", "after").error().reason(), "BRANCH_EXISTS");
  inside.reset();
  AwaitTrue([&] {
    return std::ranges::all_of(house_->manager().List(),
                               [](const BranchStatus& branch) { return branch.connections == 0; });
  });
  EXPECT_EQ(house_->manager().List().size(), 2u);
  Open();
  EXPECT_EQ(house_->AskIn("after", "SELECT x FROM mine"), "7");
}

TEST_F(BranchesTest, ABranchExpiresWhenNobodyIsInIt) {
  Open();
  Connection inside = house_->Connect("brief", "secret", "-c prism.ttl=1s");
  EXPECT_EQ(Ask(inside, "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  ::usleep(1'100'000);  // lint-allow(sleep): what must not happen in this time
  EXPECT_EQ(Ask(inside, "SELECT x FROM mine"), "7");
  inside.reset();
  AwaitTrue([&] { return AllAre(BranchState::kDeleted); });
  const auto back = house_->Undelete("brief");
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_FALSE(back->branch.expires_at.has_value());
  EXPECT_EQ(house_->AskIn("brief", "SELECT x FROM mine"), "7");
}

TEST_F(BranchesTest, AnExpiryIsPutOffTakenAwayAndKept) {
  Open();
  ASSERT_TRUE(house_->Create("brief"));
  ASSERT_TRUE(house_->Update("brief", {.is_protected = {}, .ttl = std::chrono::hours(1)}));
  Open();
  ASSERT_TRUE(house_->manager().List()[0].branch.expires_at);
  const auto never = house_->Update(
      "brief", {.is_protected = true, .ttl = std::optional<std::chrono::milliseconds>()});
  ASSERT_TRUE(never) << never.error().ToString();
  EXPECT_FALSE(never->branch.expires_at);
  const auto soon =
      house_->Update("brief", {.is_protected = {}, .ttl = std::chrono::milliseconds(1)});
  ASSERT_TRUE(soon) << soon.error().ToString();
  ::usleep(50'000);  // lint-allow(sleep): what must not happen in this time
  EXPECT_TRUE(AllAre(BranchState::kStopped));  // it is protected
  ASSERT_TRUE(house_->Update("brief", {.is_protected = false, .ttl = {}}));
  AwaitTrue([&] { return AllAre(BranchState::kDeleted); });
}

}  // namespace
}  // namespace prism::branching
