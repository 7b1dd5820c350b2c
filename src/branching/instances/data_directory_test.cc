#include "branching/instances/data_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/testing/temp_directory.h"
#include "branching/instances/testing/cluster.h"
#include "tests/servers/postgres.h"

namespace prism::branching {
namespace {

using base::testing::TempDirectory;
using prism::testing::PostgresServer;

const PostgresBinaries kServer{
    .major = 15, .version = "15", .bin_directory = "/usr/lib/postgresql/15/bin", .notifies = true};

Result<ClusterControl> Control(const std::string& path) {
  return runtime::RunOnNewShard([&] { return ReadClusterControl(path, kServer); });
}

TEST(DataDirectoryTest, ReadsARealOne) {
  PostgresServer::Options options;
  options.settings = {"max_prepared_transactions=7"};
  PostgresServer server(options);
  auto found = ReadDataDirectory(server.data_directory());
  ASSERT_TRUE(found) << found.error().ToString();
  EXPECT_EQ(found->major, 15);
  EXPECT_EQ(found->owner, testing::TestUser().uid);
  EXPECT_EQ(found->running, server.pid());
  EXPECT_FALSE(found->standby);
  EXPECT_TRUE(found->links.empty());
  auto control = Control(server.data_directory());
  ASSERT_TRUE(control) << control.error().ToString();
  EXPECT_EQ(control->state, ClusterState::kNeedsRecovery);
  EXPECT_EQ(control->state_text, "in production");

  server.Stop();
  found = ReadDataDirectory(server.data_directory());
  EXPECT_EQ(found->running, 0);
  control = Control(server.data_directory());
  ASSERT_TRUE(control) << control.error().ToString();
  EXPECT_EQ(control->state, ClusterState::kShutDown);
  EXPECT_EQ(control->timeline, 1);
  EXPECT_EQ(control->max_prepared_transactions, 7);
  EXPECT_FALSE(control->checksums);
  EXPECT_TRUE(control->checkpoint_lsn.starts_with("0/")) << control->checkpoint_lsn;
  EXPECT_GT(control->system_identifier.size(), 15U);

  // One byte of it is damaged.
  std::fstream file(server.data_directory() + "/global/pg_control");
  file.seekp(40);
  file.put('\x55');
  file.close();
  control = Control(server.data_directory());
  ASSERT_FALSE(control);
  EXPECT_EQ(control.error().reason(), "CONTROL_FILE_UNREADABLE");
  std::filesystem::remove(server.data_directory() + "/global/pg_control");
  EXPECT_EQ(Control(server.data_directory()).error().reason(), "CONTROL_FILE_UNREADABLE");
}

TEST(DataDirectoryTest, SaysWhatIsMissing) {
  const TempDirectory directory;
  const auto message = [&] {
    const auto found = ReadDataDirectory(directory.path());
    EXPECT_FALSE(found);
    EXPECT_EQ(found.error().reason(), "NOT_A_DATA_DIRECTORY");
    return found.error().message();
  };
  EXPECT_TRUE(message().contains("no PG_VERSION"));
  std::ofstream(directory.File("PG_VERSION")) << "9.6\n";
  EXPECT_TRUE(message().contains("'9.6'"));
  std::ofstream(directory.File("PG_VERSION")) << "15\n";
  EXPECT_TRUE(message().contains("global/pg_control"));
  EXPECT_EQ(ReadDataDirectory(directory.File("none")).error().reason(), "DATA_DIRECTORY_FILES");
}

TEST(DataDirectoryTest, ANumberAloneIsNoServer) {
  const TempDirectory directory;
  std::filesystem::create_directories(directory.File("global"));
  std::filesystem::create_directories(directory.File("pg_tblspc"));
  std::ofstream(directory.File("global/pg_control")) << "x";
  std::ofstream(directory.File("PG_VERSION")) << "15\n";
  for (const std::string& text : {std::string("1\n"), std::to_string(::getpid()) + "\n",
                                  std::string("-1\n"), std::string("x\n"), std::string()}) {
    std::ofstream(directory.File("postmaster.pid")) << text;
    const auto found = ReadDataDirectory(directory.path());
    ASSERT_TRUE(found) << found.error().ToString();
    EXPECT_EQ(found->running, 0) << text;
  }
}

// They belong to somebody who may have put anything there.
TEST(DataDirectoryTest, WaitsForNoPipeAndFollowsNoLink) {
  const TempDirectory directory;
  std::filesystem::create_directories(directory.File("global"));
  std::filesystem::create_directories(directory.File("pg_tblspc"));
  std::ofstream(directory.File("global/pg_control")) << "x";
  std::ofstream(directory.File("PG_VERSION")) << "15\n";
  ASSERT_EQ(::mkfifo(directory.File("postmaster.pid").c_str(), 0600), 0);
  EXPECT_EQ(ReadDataDirectory(directory.path())->running, 0);

  std::ofstream(directory.File("secret")) << "ann:verifier\n";
  std::filesystem::remove(directory.File("PG_VERSION"));
  std::filesystem::create_symlink(directory.File("secret"), directory.File("PG_VERSION"));
  const auto found = ReadDataDirectory(directory.path());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().reason(), "NOT_A_DATA_DIRECTORY");
  EXPECT_FALSE(found.error().message().contains("verifier"));
}

TEST(DataDirectoryTest, IsBelowKnowsNames) {
  EXPECT_TRUE(IsBelow("/a/b", "/a/b"));
  EXPECT_TRUE(IsBelow("/a/b/c", "/a/b"));
  EXPECT_FALSE(IsBelow("/a/bc", "/a/b"));
  EXPECT_FALSE(IsBelow("/a", "/a/b"));
}

}  // namespace
}  // namespace prism::branching
