#include "branching/instances/postgres_binaries.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/testing/temp_directory.h"
#include "runtime/sync_wait.h"

namespace prism::branching {
namespace {

using base::testing::TempDirectory;

Result<PostgresServers> Find(const std::vector<std::string>& directories,
                             const std::string& path = "/nowhere") {
  return runtime::RunOnNewShard([&] { return PostgresServers::Find(directories, path); });
}

// A program that says it is of this version.
void MakeServer(const std::string& directory, const std::string& version) {
  std::filesystem::create_directories(directory);
  std::ofstream(directory + "/postgres")
      << "#!/bin/sh\necho 'postgres (PostgreSQL) " << version << "'\n";
  ::chmod((directory + "/postgres").c_str(), 0755);
}

TEST(PostgresBinariesTest, ReadsVersions) {
  const auto debian =
      ParsePostgresVersion("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n");
  ASSERT_TRUE(debian);
  EXPECT_EQ(debian->major, 15);
  EXPECT_EQ(debian->version, "15.20 (Debian 15.20-0+deb12u1)");
  EXPECT_EQ(ParsePostgresVersion("postgres (PostgreSQL) 18beta1\n")->major, 18);
  EXPECT_EQ(ParsePostgresVersion("postgres (PostgreSQL) 19devel")->major, 19);
  for (const char* wrong : {"", "postgres (PostgreSQL) ", "postgres (PostgreSQL) x",
                            "postgres (PostgreSQL) 9.6.1\n", "postgres (Other) 15"}) {
    EXPECT_EQ(ParsePostgresVersion(wrong).error().reason(), "POSTGRES_VERSION") << wrong;
  }
}

TEST(PostgresBinariesTest, FindsTheServersOfTheSystem) {
  const auto servers = Find({}, "/usr/lib/postgresql/15/bin:relative::/nowhere");
  ASSERT_TRUE(servers) << servers.error().ToString();
  const auto server = servers->ForMajor(15);
  ASSERT_TRUE(server) << server.error().ToString();
  EXPECT_EQ(server->Program("postgres"), "/usr/lib/postgresql/15/bin/postgres");
  EXPECT_TRUE(server->notifies);  // as Debian builds it
}

TEST(PostgresBinariesTest, TheFirstOfAMajorWins) {
  const TempDirectory directory;
  MakeServer(directory.File("a"), "16.1");
  MakeServer(directory.File("b"), "16.2");
  MakeServer(directory.File("c"), "17.0");
  const auto servers = Find({directory.File("a"), directory.File("b"), directory.File("c")});
  ASSERT_TRUE(servers) << servers.error().ToString();
  ASSERT_EQ(servers->all().size(), 2U);
  EXPECT_EQ(servers->ForMajor(16)->version, "16.1");
  EXPECT_FALSE(servers->ForMajor(16)->notifies);

  const auto missing = servers->ForMajor(15);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason(), "POSTGRES_MAJOR_MISSING");
  EXPECT_TRUE(missing.error().message().contains("16 in " + directory.File("a")));
  EXPECT_TRUE(missing.error().message().contains("postgresql-15"));
}

TEST(PostgresBinariesTest, AnImageHasOneMajor) {
  const auto servers = PostgresServers::OfImage(
      {.major = 15, .version = "15.1", .bin_directory = "/bin", .notifies = false}, "pg:15");
  EXPECT_EQ(servers.ForMajor(15)->version, "15.1");
  const auto missing = servers.ForMajor(16);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason(), "POSTGRES_MAJOR_MISSING");
  EXPECT_TRUE(missing.error().message().contains("15 in pg:15"));
  EXPECT_TRUE(missing.error().message().contains("name an image of PostgreSQL 16"));
}

TEST(PostgresBinariesTest, ANamedDirectoryMustHaveOne) {
  const TempDirectory directory;
  EXPECT_EQ(Find({directory.path()}).error().reason(), "POSTGRES_NOT_FOUND");
  EXPECT_EQ(Find({directory.File("none")}).error().reason(), "POSTGRES_NOT_FOUND");
  MakeServer(directory.path(), "8.4");
  EXPECT_EQ(Find({directory.path()}).error().reason(), "POSTGRES_VERSION");
}

}  // namespace
}  // namespace prism::branching
