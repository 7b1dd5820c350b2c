// Branches of a server that Prism runs itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include "branching/instances/run_directory.h"
#include "branching/sources/managed_source.h"
#include "tests/branching/house.h"
#include "tests/servers/postgres.h"

namespace prism::branching {
namespace {

using prism::testing::PostgresServer;
using testing::AppendText;
using testing::Ask;
using testing::AwaitTrue;
using testing::Connection;
using testing::Ground;
using ::testing::HasSubstr;
using testing::House;
using testing::ReadText;
using testing::TestUser;

class ManagedTest : public ::testing::Test {
 protected:
  ManagedTest() { ::chmod(ground_.directory.path().c_str(), 0755); }

  void Start(const std::string& directory, BranchLimits limits = {}) {
    limits.allow_source = true;
    house_.reset();
    house_ = std::make_unique<House>(
        ground_,
        [&](runtime::Shard& home, Workshop& workshop, const PostgresPrograms& programs) {
          return std::make_unique<ManagedSource>(
              home, workshop, programs,
              ManagedSource::Options{
                  .directory = directory, .home = ground_.directory.path(), .user = TestUser()});
        },
        limits);
  }
  void Open(const std::string& directory, const BranchLimits& limits = {}) {
    Start(directory, limits);
    ASSERT_TRUE(house_->started()) << house_->started().error().ToString();
  }
  std::string OpenError(const std::string& directory) {
    Start(directory);
    std::string error = house_->started() ? "fine" : house_->started().error().ToString();
    house_.reset();
    return error;
  }
  // With what was made of it before.
  std::string LookError(const std::string& directory) {
    Open(directory);
    const auto failure = [&] { return house_->manager().ListSources().front().failure; };
    AwaitTrue([&] { return failure().has_value(); });
    std::string error = failure()->ToString();
    house_.reset();
    return error;
  }
  // Of the source that was made here.
  std::string Password() const {
    const std::string text = ReadText(ground_.File("source-password"));
    return text.substr(0, text.find('\n'));
  }
  std::string AskIn(const std::string& branch, const std::string& query) const {
    const Connection connection = house_->Connect(branch, Password());
    if (PQstatus(connection.get()) != CONNECTION_OK) return PQerrorMessage(connection.get());
    return Ask(connection, query);
  }
  // Ends the servers of sources, as their administrator would; nothing of them runs afterwards.
  void EndServers(int signal) const {
    for (const auto& entry : std::filesystem::directory_iterator(ground_.directory.path())) {
      if (!entry.path().filename().string().starts_with("source-") || !entry.is_directory())
        continue;
      const RunDirectory run(entry.path());
      const auto holder = run.Holder();
      ASSERT_TRUE(holder);
      if (!*holder) continue;
      ::kill(**holder, signal);
      AwaitTrue([&] { return !*run.Holder(); });
    }
  }
  void TearDown() override {
    if (house_ && house_->started()) {
      for (const BranchStatus& branch : house_->manager().List()) {
        EXPECT_TRUE(house_->Delete(branch.branch.name, true));
      }
    }
    house_.reset();
    EndServers(SIGINT);
  }

  Ground ground_;
  std::unique_ptr<House> house_;
};

TEST_F(ManagedTest, MakesAClusterWhereThereIsNone) {
  const std::string directory = ground_.File("data");
  Open(directory);
  struct stat password = {};
  ASSERT_EQ(::stat(ground_.File("source-password").c_str(), &password), 0);
  EXPECT_EQ(password.st_mode & 0777, 0600U);
  EXPECT_FALSE(std::filesystem::exists(directory + ".prism-new"));
  EXPECT_EQ(AskIn("one", "SHOW prism.parent"), "source");
  EXPECT_EQ(AskIn("source", "SHOW prism.branch"), "source");
  EXPECT_EQ(AskIn("source",
                  "SELECT concat_ws(' ', current_setting('fsync'), "
                  "current_setting('data_checksums'), "
                  "current_setting('server_encoding'))"),
            "on on UTF8");
  EXPECT_EQ(PQstatus(house_->Connect("source", "wrong").get()), CONNECTION_BAD);
}

TEST_F(ManagedTest, BranchesFollowWhatIsWrittenToIt) {
  Open(ground_.File("data"), {.refresh_interval = 20 * kNanosPerMilli});
  EXPECT_EQ(AskIn("before", "SELECT to_regclass('ideas') IS NULL"), "t");
  EXPECT_EQ(AskIn("source", "CREATE TABLE ideas AS SELECT generate_series(1, 1000) AS id"),
            "SELECT 1000");
  int tries = 0;
  AwaitTrue([&] {
    return AskIn("after-" + std::to_string(++tries), "SELECT count(*) FROM ideas") == "1000";
  });
  EXPECT_EQ(AskIn("before", "SELECT to_regclass('ideas') IS NULL"), "t");
  // What is written to a branch stays there.
  EXPECT_EQ(AskIn("after-" + std::to_string(tries), "DELETE FROM ideas"), "DELETE 1000");
  EXPECT_EQ(AskIn("source", "SELECT count(*) FROM ideas"), "1000");
}

TEST_F(ManagedTest, OneStateIsOneGeneration) {
  const BranchLimits limits{.refresh_interval = kNanosPerMilli, .keep_generations = 10};
  Open(ground_.File("data"));
  EXPECT_EQ(AskIn("source", "CREATE TABLE ideas ()"), "CREATE TABLE");
  Open(ground_.File("data"), limits);
  const auto made = [&] { return house_->journal().Generations()->size(); };
  AwaitTrue([&] { return made() == 2; });
  EXPECT_EQ(AskIn("source", "SELECT count(*) FROM ideas"), "0");
  Open(ground_.File("data"), limits);
  EXPECT_EQ(AskIn("source", "CREATE TABLE more ()"), "CREATE TABLE");
  AwaitTrue([&] { return made() > 2; });
  EXPECT_EQ(made(), 3U);
}

TEST_F(ManagedTest, ItsServerGoesOnWithoutUsAndIsStartedAgainWhenItEnds) {
  constexpr const char* kStarted = "SELECT pg_postmaster_start_time()";
  Open(ground_.File("data"));
  EXPECT_EQ(AskIn("source", "CREATE TABLE ideas AS SELECT 7 AS id"), "SELECT 1");
  const std::string started = AskIn("source", kStarted);
  Open(ground_.File("data"));
  EXPECT_EQ(AskIn("source", kStarted), started);
  EndServers(SIGKILL);
  // The connection may be there before its end is.
  AwaitTrue([&] { return AskIn("source", "SELECT id FROM ideas") == "7"; });
  EXPECT_NE(AskIn("source", kStarted), started);
}

TEST_F(ManagedTest, WhyItsServerDoesNotStartIsInItsLog) {
  Open(ground_.File("data"));
  const auto log = [&] { return *house_->manager().ReadLog("source", 65536); };
  EXPECT_TRUE(log().contains("database system is ready to accept connections")) << log();
  AppendText(ground_.File("data/postgresql.conf"), "no_such_setting = 1\n");
  EndServers(SIGKILL);
  AwaitTrue([&] { return AskIn("source", "SELECT 7").contains("can't be started"); });
  EXPECT_TRUE(log().contains("no_such_setting")) << log();
}

TEST_F(ManagedTest, RunsADirectoryThatIsThere) {
  PostgresServer postgres;
  {
    const Connection admin(PQconnectdb(postgres.conninfo().c_str()));
    Ask(admin, "CREATE TABLE things AS SELECT generate_series(1, 100) AS id");
  }
  const std::string directory = std::filesystem::canonical(postgres.data_directory());
  EXPECT_THAT(OpenError(directory), HasSubstr("INSTANCE_RUNNING"));
  postgres.Stop();
  Open(directory);
  EXPECT_EQ(house_->AskIn("one", "SELECT count(*) FROM things"), "100");
  EXPECT_EQ(house_->AskIn("source", "DELETE FROM things WHERE id > 10"), "DELETE 90");
  // Who starts a server by hand, or by a unit that was forgotten, makes no second one.
  EXPECT_THAT(postgres.StartInVain(), HasSubstr("pre-existing shared memory block"));
  EXPECT_EQ(house_->AskIn("source", "SELECT count(*) FROM things"), "10");
  EXPECT_FALSE(std::filesystem::exists(ground_.File("source-password")));
  TearDown();

  AppendText(directory + "/standby.signal", "");
  EXPECT_THAT(LookError(directory), HasSubstr("FAILED_PRECONDITION/SOURCE_IS_STANDBY"));
  std::filesystem::remove(directory + "/standby.signal");
  const std::string outside = ground_.File("space");
  std::filesystem::create_directory(outside);
  std::filesystem::create_directory_symlink(outside, directory + "/pg_tblspc/16384");
  EXPECT_THAT(LookError(directory), HasSubstr("FAILED_PRECONDITION/LINKS_OUTSIDE_VOLUME"));
  std::filesystem::remove(directory + "/pg_tblspc/16384");
  if (::geteuid() != 0) return;
  ASSERT_EQ(::chown(directory.c_str(), TestUser().uid + 1, TestUser().gid), 0);
  EXPECT_THAT(LookError(directory), HasSubstr("FAILED_PRECONDITION/SOURCE_OWNER"));
}

TEST_F(ManagedTest, RefusesWhatIsNoDataDirectory) {
  const std::string directory = ground_.File("data");
  std::filesystem::create_directory(directory);
  AppendText(directory + "/notes.txt", "mine");
  EXPECT_THAT(OpenError(directory), HasSubstr("FAILED_PRECONDITION/NOT_A_DATA_DIRECTORY"));
  EXPECT_EQ(ReadText(directory + "/notes.txt"), "mine");
}

}  // namespace
}  // namespace prism::branching
