// Branches on ZFS, with real servers: what is cloned is in use.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <string>

#include "tests/branching/branches_fixture.h"

namespace prism::branching {
namespace {

using testing::Ask;
using testing::AwaitTrue;
using testing::Connection;

class ZfsTest : public testing::BranchesTest {
 protected:
  ZfsTest() : BranchesTest("zfs", "zfs") {}
};

TEST_F(ZfsTest, ABranchIsMadeOfARunningBranch) {
  ground_.profile = InstanceProfile::kDurable;
  Open();
  const Connection writer = house_->Connect("base");
  EXPECT_EQ(Ask(writer, "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  EXPECT_EQ(Ask(writer, "BEGIN"), "BEGIN");
  EXPECT_EQ(Ask(writer, "INSERT INTO mine VALUES(8)"), "INSERT 0 1");
  EXPECT_EQ(house_->AskIn("child", "SELECT sum(x) FROM mine", "-c prism.from=base"), "7");
  EXPECT_EQ(Ask(writer, "COMMIT"), "COMMIT");
  EXPECT_EQ(Ask(writer, "SELECT sum(x) FROM mine"), "15");
  EXPECT_EQ(house_->AskIn("child", "UPDATE mine SET x = 1"), "UPDATE 1");
  EXPECT_EQ(Ask(writer, "SELECT sum(x) FROM mine"), "15");
}

TEST_F(ZfsTest, BranchesOutliveARestartOfTheMachine) {
  Open({.idle_timeout = 1});
  EXPECT_EQ(house_->AskIn("base", "CREATE TABLE mine AS SELECT 7 AS x"), "SELECT 1");
  AwaitTrue([this] { return AllRest(); });
  const auto made = house_->Create("child", "base");
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(house_->AskIn("base", "DROP TABLE mine"), "DROP TABLE");
  EXPECT_EQ(house_->AskIn("child", "SELECT x FROM mine"), "7");
  AwaitTrue([this] { return AllRest(); });
  for (const std::string& volume : *house_->storage().List()) {
    EXPECT_EQ(::umount2(house_->storage().Path(volume)->c_str(), 0), 0) << volume;
  }
  Open();
  EXPECT_EQ(house_->AskIn("child", "SELECT x FROM mine"), "7");
  EXPECT_EQ(house_->AskIn("fresh", "SELECT count(*) FROM things"), "100");
}

TEST_F(ZfsTest, NothingIsLeftOfADeletedBranch) {
  Open({.undo_period = 1});
  EXPECT_EQ(house_->AskIn("gone", "DELETE FROM things"), "DELETE 100");
  ASSERT_TRUE(house_->Delete("gone", true));
  AwaitTrue([this] { return house_->manager().List().empty(); });
  EXPECT_EQ(house_->storage().List()->size(), 1U);  // the generation
}

}  // namespace
}  // namespace prism::branching
