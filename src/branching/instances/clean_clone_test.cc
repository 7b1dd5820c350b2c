#include "branching/instances/clean_clone.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/testing/temp_directory.h"

namespace prism::branching {
namespace {

namespace fs = std::filesystem;
using base::testing::TempDirectory;

// Two volumes, PARENT and CLONE, and files that look like a cluster's in the second one.
class CleanCloneTest : public ::testing::Test {
 protected:
  CleanCloneTest() {
    for (const char* directory :
         {"global", "pg_tblspc", "pg_wal", "pg_xact", "pg_notify", "pg_dynshmem", "pg_stat_tmp",
          "pg_replslot/slot/deep", "pg_logical/snapshots", "pg_logical/mappings", "log"}) {
      fs::create_directories(data_ + "/" + directory);
    }
    for (const char* file : {"PG_VERSION",
                             "global/pg_control",
                             "postmaster.pid",
                             "postmaster.opts",
                             "backup_label",
                             "standby.signal",
                             "recovery.signal",
                             "current_logfiles",
                             ".s.PGSQL.5432",
                             ".s.PGSQL.5432.lock",
                             "pg_notify/0000",
                             "pg_dynshmem/mmap.1",
                             "pg_stat_tmp/x",
                             "pg_replslot/slot/state",
                             "pg_replslot/slot/deep/file",
                             "pg_logical/snapshots/0-1.snap",
                             "pg_logical/mappings/map",
                             "log/a.log",
                             "pg_wal/000000010000000000000001",
                             "pg_xact/0000",
                             "postgresql.conf"}) {
      std::ofstream(data_ + "/" + file) << "15\n";
    }
  }
  Status Clean() { return CleanClone(data_, clone_, parent_); }
  bool Has(const std::string& path) { return fs::exists(fs::symlink_status(data_ + "/" + path)); }

  TempDirectory directory_;
  const std::string parent_ = directory_.File("parent");
  const std::string clone_ = directory_.File("clone");
  const std::string data_ = clone_ + "/data";
};

TEST_F(CleanCloneTest, RemovesWhatIsTheParentsAndKeepsTheRest) {
  ASSERT_TRUE(Clean());
  for (const char* gone :
       {"postmaster.pid", "postmaster.opts", "standby.signal", "recovery.signal",
        "current_logfiles", ".s.PGSQL.5432", ".s.PGSQL.5432.lock", "pg_notify/0000",
        "pg_dynshmem/mmap.1", "pg_stat_tmp/x", "pg_replslot/slot", "pg_logical/snapshots/0-1.snap",
        "pg_logical/mappings/map", "log/a.log"}) {
    EXPECT_FALSE(Has(gone)) << gone;
  }
  for (const char* kept :
       {"PG_VERSION", "global/pg_control", "backup_label", "pg_wal/000000010000000000000001",
        "pg_xact/0000", "postgresql.conf", "pg_replslot", "pg_notify", "pg_dynshmem", "pg_stat_tmp",
        "pg_logical/snapshots", "pg_logical/mappings"}) {
    EXPECT_TRUE(Has(kept)) << kept;
  }
  EXPECT_TRUE(Clean()) << "once more";
}

TEST_F(CleanCloneTest, NeverFollowsALink) {
  const std::string outside = directory_.File("outside");
  fs::create_directories(outside);
  std::ofstream(outside + "/precious") << "x";
  fs::remove_all(data_ + "/log");
  fs::create_directory_symlink(outside, data_ + "/log");
  fs::create_directory_symlink(outside, data_ + "/pg_replslot/link");
  fs::remove(data_ + "/postmaster.pid");
  fs::create_symlink(outside + "/precious", data_ + "/postmaster.pid");
  ASSERT_TRUE(Clean());
  EXPECT_TRUE(fs::exists(outside + "/precious"));
  EXPECT_FALSE(Has("pg_replslot/link"));
  EXPECT_FALSE(Has("postmaster.pid"));
}

TEST_F(CleanCloneTest, PointsLinksOfTheParentAtTheClone) {
  fs::create_directories(clone_ + "/wal");
  fs::create_directories(clone_ + "/space");
  fs::remove_all(data_ + "/pg_wal");
  fs::create_directory_symlink(parent_ + "/wal", data_ + "/pg_wal");
  fs::create_directory_symlink(parent_ + "/space", data_ + "/pg_tblspc/16384");
  fs::create_directory_symlink("../../space", data_ + "/pg_tblspc/16385");
  ASSERT_TRUE(Clean());
  EXPECT_EQ(fs::read_symlink(data_ + "/pg_wal"), clone_ + "/wal");
  EXPECT_EQ(fs::read_symlink(data_ + "/pg_tblspc/16384"), clone_ + "/space");
  EXPECT_EQ(fs::read_symlink(data_ + "/pg_tblspc/16385"), "../../space");
}

TEST_F(CleanCloneTest, RefusesLinksThatLeadElsewhereAndChangesNothing) {
  // A name that begins as the parent's does is not below it.
  fs::create_directories(parent_ + "-2/space");
  fs::create_directory_symlink(parent_ + "-2/space", data_ + "/pg_tblspc/16384");
  fs::create_directory_symlink("/nowhere", data_ + "/pg_tblspc/16385");
  const Status cleaned = Clean();
  ASSERT_FALSE(cleaned);
  EXPECT_EQ(cleaned.error().reason(), "LINKS_OUTSIDE_VOLUME");
  EXPECT_TRUE(cleaned.error().message().contains("pg_tblspc/16384 -> " + parent_ + "-2/space"));
  EXPECT_TRUE(cleaned.error().message().contains("pg_tblspc/16385 -> /nowhere"));
  EXPECT_TRUE(Has("postmaster.pid"));
}

TEST_F(CleanCloneTest, RefusesWhatIsNoCluster) {
  fs::remove(data_ + "/PG_VERSION");
  EXPECT_EQ(Clean().error().reason(), "NOT_A_DATA_DIRECTORY");
}

}  // namespace
}  // namespace prism::branching
