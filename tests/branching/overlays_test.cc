// Branches on a file system that can't clone: overlays, with real servers in mount namespaces of
// their own.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

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

class OverlaysTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres = std::make_unique<PostgresServer>();
    const Connection admin(PQconnectdb(postgres->conninfo().c_str()));
    Ask(admin, "CREATE TABLE things AS SELECT generate_series(1, 100) AS id");
    postgres->Stop();
  }
  static void TearDownTestSuite() { postgres.reset(); }

  void Open(const BranchLimits& limits = {}) {
    house_.reset();
    house_ = std::make_unique<House>(ground_, postgres->data_directory(), limits);
    ASSERT_TRUE(house_->started()) << house_->started().error().ToString();
  }
  void AwaitRest() {
    AwaitTrue([this] {
      return std::ranges::all_of(house_->manager().List(), [](const BranchStatus& branch) {
        return branch.state == BranchState::kStopped;
      });
    });
  }
  // Ends all servers: a test leaves nothing behind.
  void TearDown() override {
    if (!house_) return;
    Open({.idle_timeout = 1});
    AwaitRest();
  }
  // What a restart of the machine does to mounts.
  void UnmountAll() {
    for (const std::string& volume : *house_->storage().List()) {
      EXPECT_EQ(::umount2(house_->storage().Path(volume)->c_str(), 0), 0) << volume;
    }
  }

  static inline std::unique_ptr<PostgresServer> postgres;
  Ground ground_{"ext4", "overlay"};
  std::unique_ptr<House> house_;
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
  AwaitRest();
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
  AwaitRest();
  EXPECT_EQ(house_->AskIn("kept", "SELECT x FROM mine"), "7");
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
