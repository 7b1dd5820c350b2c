// Branches on a file system that can't clone: overlays, with real servers in mount namespaces of
// their own.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>
#include <iterator>
#include <string>

#include "tests/branching/branches_fixture.h"

namespace prism::branching {
namespace {

using testing::AwaitTrue;

class OverlaysTest : public testing::BranchesTest {
 protected:
  OverlaysTest() : BranchesTest("ext4", "overlay") {}

  // What a restart of the machine does to mounts.
  void UnmountAll() {
    for (const std::string& volume : *house_->storage().List()) {
      EXPECT_EQ(::umount2(house_->storage().Path(volume)->c_str(), 0), 0) << volume;
    }
  }
};

TEST_F(OverlaysTest, ABranchIsAnOverlayOfItsOwn) {
  Open();
  EXPECT_EQ(house_->AskIn("one", "DELETE FROM things WHERE id <= 10"), "DELETE 10");
  EXPECT_EQ(house_->AskIn("one", "SELECT count(*) FROM things"), "90");
  EXPECT_EQ(house_->AskIn("two", "SELECT count(*) FROM things"), "100");
  const std::string volume = house_->manager().List()[0].branch.volume;
  const auto usage = house_->storage().Measure(volume);
  ASSERT_TRUE(usage) << usage.error().ToString();
  EXPECT_GT(usage->shared_bytes, usage->own_bytes);
}

TEST_F(OverlaysTest, BranchesOutliveARestartOfTheMachine) {
  Open({.idle_timeout = 1});
  EXPECT_EQ(house_->AskIn("kept", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  AwaitTrue([this] { return AllRest(); });
  UnmountAll();
  Open();
  EXPECT_EQ(house_->AskIn("kept", "SELECT x FROM mine"), "7");
  EXPECT_EQ(house_->AskIn("fresh", "SELECT count(*) FROM things"), "100");
}

TEST_F(OverlaysTest, ServersGoOnWhilePrismDoesNot) {
  Open();
  EXPECT_EQ(house_->AskIn("kept", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  const std::string started = house_->AskIn("kept", "SELECT pg_postmaster_start_time()");
  Open();
  EXPECT_EQ(house_->AskIn("kept", "SELECT pg_postmaster_start_time()"), started);
  Open({.idle_timeout = 1});
  AwaitTrue([this] { return AllRest(); });
  EXPECT_EQ(house_->AskIn("kept", "SELECT x FROM mine"), "7");
}

TEST_F(OverlaysTest, ABranchOfABranchIsACopyOfItsOwn) {
  Open();
  EXPECT_EQ(house_->AskIn("base", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  AwaitTrue([this] { return house_->manager().List()[0].connections == 0; });
  const auto made = house_->Create("child", "base");
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(house_->AskIn("base", "DROP TABLE mine"), "DROP TABLE");
  EXPECT_EQ(house_->AskIn("child", "SELECT x FROM mine"), "7");
}

TEST_F(OverlaysTest, NothingIsLeftOfADeletedBranch) {
  Open({.undo_period = 1});
  EXPECT_EQ(house_->AskIn("gone", "DELETE FROM things"), "DELETE 100");
  ASSERT_TRUE(house_->Delete("gone", true));
  AwaitTrue([this] { return house_->manager().List().empty(); });
  EXPECT_EQ(house_->storage().List()->size(), 1U);  // the generation
  const std::filesystem::directory_iterator layers(ground_.file_system->path() + "/store/layers");
  EXPECT_EQ(std::distance(layers, std::filesystem::directory_iterator()), 1);
}

}  // namespace
}  // namespace prism::branching
