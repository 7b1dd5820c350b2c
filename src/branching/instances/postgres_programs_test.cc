#include "branching/instances/postgres_programs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "base/testing/temp_directory.h"
#include "base/unique_fd.h"
#include "branching/instances/testing/cluster.h"

namespace prism::branching {
namespace {

using testing::AnyProcessSays;
using testing::AppendText;
using testing::InstanceHost;
using testing::TestUser;

class PostgresProgramsTest : public ::testing::Test {
 protected:
  PostgresProgramsTest() {
    ::chmod(own_.path().c_str(), 0755);
    const InstanceUser user = TestUser();
    for (const std::string& path : {own_.File("given"), own_.File("other")}) {
      std::filesystem::create_directory(path);
      EXPECT_EQ(::chown(path.c_str(), user.uid, user.gid), 0);
    }
  }
  // psql, which runs commands of the shell that it reads.
  PostgresProgram Psql(const std::string& script) {
    AppendText(own_.File("script"), script);
    ::chmod(own_.File("script").c_str(), 0600);  // we open it
    return {.binaries = {.major = 15,
                         .version = "15",
                         .bin_directory = "/usr/lib/postgresql/15/bin",
                         .notifies = true},
            .name = "psql",
            .arguments = {"--no-psqlrc", "--file=-", "--host=" + own_.File("none")},
            .writable = {own_.File("given")},
            .read_only = {},
            .input = own_.File("script")};
  }
  Result<runtime::ProgramResult> Run(const PostgresProgram& program, bool keep_output = false) {
    return host_.Run([&] { return programs_.Run(program, &stop_, keep_output); });
  }

  InstanceHost host_;
  base::testing::TempDirectory own_;
  PostgresPrograms programs_{
      std::make_shared<const OwnLauncher>(TestUser(), ProbeIsolation(TestUser()))};
  std::atomic<bool> stop_ = false;
};

TEST_F(PostgresProgramsTest, AnEndWithAnErrorIsAResult) {
  const auto ended = Run(Psql("SELECT 1;\n"));
  ASSERT_TRUE(ended) << ended.error().ToString();
  EXPECT_FALSE(ended->status.ok());
  EXPECT_NE(ended->standard_error.find("No such file"), std::string::npos);
}

TEST_F(PostgresProgramsTest, KeepsOutputOnDemand) {
  PostgresProgram program = Psql("");
  program.arguments = {"--version"};
  EXPECT_NE(Run(program, true)->standard_output.find("PostgreSQL"), std::string::npos);
  EXPECT_EQ(Run(program)->standard_output, "");
}

TEST_F(PostgresProgramsTest, RunsBehindTheWallsOfServersAsTheirUser) {
  PostgresProgram program = Psql("");
  program.name = "initdb";
  program.arguments = {"--no-sync", "--auth=trust", "--pgdata=" + own_.File("given")};
  const auto made = Run(program);
  ASSERT_TRUE(made) << made.error().ToString();
  ASSERT_TRUE(made->status.ok()) << made->standard_error;
  struct stat version = {};
  ASSERT_EQ(::stat(own_.File("given/PG_VERSION").c_str(), &version), 0);
  EXPECT_EQ(version.st_uid, TestUser().uid);

  program.arguments.back() = "--pgdata=" + own_.File("other");
  const auto refused = Run(program);
  ASSERT_TRUE(refused) << refused.error().ToString();
  EXPECT_FALSE(refused->status.ok());
  EXPECT_TRUE(std::filesystem::is_empty(own_.File("other")));
}

// One that waits for the rest of its input for ever.
TEST_F(PostgresProgramsTest, EndsSoonWhenItIsToStop) {
  PostgresProgram program = Psql("");
  program.name = "pg_restore";
  program.arguments = {"--list", "--file=" + own_.File("none")};
  std::filesystem::remove(own_.File("script"));
  ASSERT_EQ(::mkfifo(own_.File("script").c_str(), 0600), 0);
  const base::UniqueFd writer(::open(own_.File("script").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(writer);
  std::thread stopper([this] {
    while (!AnyProcessSays(own_.File("none"))) std::this_thread::yield();
    stop_ = true;
  });
  EXPECT_EQ(Run(program).error().reason(), "TRANSFER_CANCELLED");
  stopper.join();
  EXPECT_FALSE(AnyProcessSays(own_.File("none")));
}

}  // namespace
}  // namespace prism::branching
