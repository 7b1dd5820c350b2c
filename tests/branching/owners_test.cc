// What one owner may have, with real servers; what each quota says is in branches/quotas_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/branching/branches_fixture.h"

namespace prism::branching {
namespace {

using testing::AwaitTrue;
using testing::Connection;
using ::testing::HasSubstr;

class OwnersTest : public testing::BranchesTest {
 protected:
  BranchState StateOf(const std::string& name) {
    for (const BranchStatus& branch : house_->manager().List()) {
      if (branch.branch.name == name) return branch.state;
    }
    return BranchState::kRemoving;
  }
  std::uint64_t OwnBytes(const std::string& name) {
    for (const BranchStatus& branch : house_->manager().List()) {
      if (branch.branch.name == name && branch.size) return branch.size->usage.own_bytes;
    }
    return 0;
  }
};

TEST_F(OwnersTest, DiskIsThatOfTheOwnersBranches) {
  constexpr std::uint64_t kMost = 16 << 20;
  Open({.of_owner = {.disk_bytes = kMost}, .idle_timeout = kNanosPerMilli});
  ASSERT_EQ(house_->AskIn("full",
                          "CREATE TABLE filler AS SELECT md5(i::text) || md5((-i)::text) "
                          "AS t FROM generate_series(1, 250000) AS i"),
            "SELECT 250000");
  AwaitTrue([&] { return StateOf("full") == BranchState::kStopped && OwnBytes("full") > kMost; });
  for (const char* name : {"full", "new"}) {
    const std::string told = house_->AskIn(name, "SELECT 1");
    EXPECT_THAT(told, HasSubstr("take up as much as they may (postgres: "));
    EXPECT_THAT(told, HasSubstr("of 16MiB)"));
    EXPECT_THAT(told, HasSubstr("branching.max_disk_per_owner"));
  }
  EXPECT_EQ(house_->manager().List().size(), 1U);
  EXPECT_EQ(house_->manager().refusals(Quota::kDisk), 2U);
  EXPECT_TRUE(house_->Create("of-somebody"));
  ASSERT_TRUE(house_->Delete("full"));
  EXPECT_EQ(house_->AskIn("new", "SELECT count(*) FROM things"), "100");
}

TEST_F(OwnersTest, MemoryIsThatOfServersThatRun) {
  Open({.of_owner = {.memory_bytes = 200, .bytes_of_server = 100}});
  EXPECT_EQ(house_->AskIn("one", "SELECT 1"), "1");
  EXPECT_EQ(house_->AskIn("two", "SELECT 1"), "1");
  EXPECT_THAT(house_->AskIn("three", "SELECT 1"),
              HasSubstr("as many servers of one owner run as may run (postgres: 2 run, each may "
                        "take 100B, all together 200B)"));
  EXPECT_EQ(StateOf("three"), BranchState::kRemoving) << "it was made";
  ASSERT_TRUE(house_->Delete("two", /*force=*/true));
  EXPECT_EQ(house_->AskIn("three", "SELECT 1"), "1");
  EXPECT_EQ(house_->AskIn("one", "SELECT 1"), "1");  // it runs already
  // Whose branch it is counts, not who wants to be in it.
  ASSERT_TRUE(house_->Create("of-somebody"));
  EXPECT_EQ(house_->AskIn("of-somebody", "SELECT 1"), "1");
}

TEST_F(OwnersTest, ConnectionsAreThoseOfOneUser) {
  Open({.of_owner = {.connections = 2}});
  const Connection first = house_->Connect("one");
  Connection second = house_->Connect("two");
  ASSERT_EQ(PQstatus(second.get()), CONNECTION_OK);
  const std::string told = house_->AskIn("three", "SELECT 1");
  EXPECT_THAT(told, HasSubstr("too many connections of one user (postgres: 2 of 2)"));
  EXPECT_EQ(StateOf("three"), BranchState::kRemoving) << "it was made";
  second.reset();
  AwaitTrue([&] { return house_->AskIn("two", "SELECT 1") == "1"; });
}

}  // namespace
}  // namespace prism::branching
