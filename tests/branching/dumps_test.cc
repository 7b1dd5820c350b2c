// Branches of dumps: real ones of a real server, in every format.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "branching/sources/dump_source.h"
#include "runtime/subprocess.h"
#include "tests/branching/house.h"
#include "tests/servers/postgres.h"

namespace prism::branching {
namespace {

using testing::AppendText;
using testing::Ask;
using testing::AwaitTrue;
using testing::Connection;
using testing::Ground;
using ::testing::HasSubstr;
using testing::House;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::ReadText;

constexpr const char* kPrograms = "/usr/lib/postgresql/15/bin/";

void RunTool(std::vector<std::string> argv) {
  argv.front() = kPrograms + argv.front();
  const auto done = runtime::RunOnNewShard([&] {
    return runtime::RunProgram({.argv = argv, .environment = {{"PGPASSWORD", "secret"}}},
                               MonotonicNow() + 60 * kNanosPerSecond, nullptr);
  });
  ASSERT_TRUE(done) << done.error().ToString();
  ASSERT_TRUE(done->status.ok()) << argv.front() << ": " << done->standard_error;
}

// The server that is dumped: `things` of `ann` with 100 rows in `postgres`, `more` in `shop`.
class DumpsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    postgres = std::make_unique<prism::testing::PostgresServer>();
    Tell("CREATE ROLE ann LOGIN PASSWORD 'hers'");
    Tell("CREATE TABLE things AS SELECT generate_series(1, 100) AS id");
    Tell("ALTER TABLE things OWNER TO ann");
    Tell("CREATE DATABASE shop");
  }
  static void TearDownTestSuite() { postgres.reset(); }
  static void Tell(const std::string& statement) {
    const Connection admin(PQconnectdb(postgres->conninfo().c_str()));
    Ask(admin, statement);
  }

  std::string File(const std::string& name) const { return ground_.File(name); }
  void Dump(const std::string& name, std::vector<std::string> options) const {
    options.insert(options.begin(), "pg_dump");
    options.push_back("--file=" + File(name));
    options.push_back("--dbname=" + postgres->conninfo());
    RunTool(options);
    // Programs that load run as another user, and open the parts of a directory themselves.
    if (!std::filesystem::is_directory(File(name))) return;
    ::chmod(File(name).c_str(), 0755);
    for (const auto& part : std::filesystem::directory_iterator(File(name))) {
      ::chmod(part.path().c_str(), 0644);
    }
  }
  void DumpAll(const std::string& name, std::vector<std::string> options = {}) const {
    options.insert(options.begin(), "pg_dumpall");
    options.push_back("--file=" + File(name));
    options.push_back("--dbname=" + postgres->conninfo());
    RunTool(options);
  }

  void Start(DumpSource::Options options, const BranchLimits& limits = {}) {
    house_.reset();
    house_ = std::make_unique<House>(
        ground_,
        [&options](runtime::Shard&, Workshop& workshop, const PostgresPrograms& programs) {
          return std::make_unique<DumpSource>(workshop, programs, options);
        },
        limits);
  }
  void Open(const DumpSource::Options& options, const BranchLimits& limits = {}) {
    Start(options, limits);
    ASSERT_TRUE(house_->started()) << house_->started().error().ToString();
  }
  std::string OpenError(const DumpSource::Options& options) {
    Start(options);
    std::string error = house_->started() ? "fine" : house_->started().error().ToString();
    // Nothing is left of it.
    if (!house_->started()) EXPECT_THAT(*house_->storage().List(), IsEmpty());
    house_.reset();
    return error;
  }
  void TearDown() override {
    if (!house_ || !house_->started()) return;
    for (const BranchStatus& branch : house_->manager().List()) {
      EXPECT_TRUE(house_->Delete(branch.branch.name, true));
    }
  }

  static inline std::unique_ptr<prism::testing::PostgresServer> postgres;
  Ground ground_;
  std::unique_ptr<House> house_;
};

TEST_F(DumpsTest, ArchivesOfEveryFormatBelongToTheSuperuser) {
  for (const std::string format : {"custom", "tar", "directory"}) {
    SCOPED_TRACE(format);
    Dump(format, {"--format=" + format});
    Open({.path = File(format), .roles = {}, .password = "secret"});
    EXPECT_EQ(house_->AskIn(format, "SELECT count(*) FROM things"), "100");
    EXPECT_EQ(house_->AskIn(format, "SELECT tableowner FROM pg_tables WHERE tablename = 'things'"),
              "postgres");
    EXPECT_EQ(house_->AskIn(format, "SELECT reltuples FROM pg_class WHERE relname = 'things'"),
              "100");
    EXPECT_EQ(house_->AskIn(format, "SHOW data_checksums"), "on");
    TearDown();
  }
}

TEST_F(DumpsTest, AScriptOfTheWholeClusterBringsItsRoles) {
  DumpAll("all.sql");
  Open({.path = File("all.sql"), .roles = {}, .password = {}});
  EXPECT_EQ(house_->AskIn("whole", "SELECT count(*) FROM things"), "100");
  EXPECT_EQ(house_->AskIn("whole", "SELECT tableowner FROM pg_tables WHERE tablename = 'things'"),
            "ann");
  EXPECT_EQ(house_->AskIn("whole", "SELECT count(*) FROM pg_database WHERE datname = 'shop'"), "1");
  const Connection ann = house_->Connect("whole", "hers", "", "ann");
  EXPECT_EQ(Ask(ann, "SELECT sum(id) FROM things"), "5050");
}

TEST_F(DumpsTest, RolesOfTheClusterKeepWhoseItIs) {
  Dump("one.sql", {"--format=plain"});
  Dump("one.dump", {"--format=custom"});
  DumpAll("roles.sql", {"--roles-only"});
  for (const std::string name : {"one.sql", "one.dump"}) {
    SCOPED_TRACE(name);
    Open({.path = File(name), .roles = File("roles.sql"), .password = {}});
    const Connection ann = house_->Connect("of-" + name.substr(4), "hers", "", "ann");
    EXPECT_EQ(Ask(ann, "DELETE FROM things"), "DELETE 100");
    TearDown();
  }
}

TEST_F(DumpsTest, AStateIsLoadedOnce) {
  Dump("one.dump", {"--format=custom"});
  const DumpSource::Options options{.path = File("one.dump"), .roles = {}, .password = "secret"};
  Open(options);
  Open(options, {.refresh_interval = 50 * kNanosPerMilli, .keep_generations = 10});
  const auto made = [&] { return house_->journal().Generations()->size(); };
  ASSERT_EQ(made(), 1U);
  Dump("new.dump", {"--format=custom"});
  std::filesystem::rename(File("new.dump"), File("one.dump"));
  AwaitTrue([&] { return made() > 1; });
  EXPECT_EQ(made(), 2U);
}

TEST_F(DumpsTest, ANewDumpIsWhatNewBranchesBeginWith) {
  Dump("one.dump", {"--format=custom"});
  Open({.path = File("one.dump"), .roles = {}, .password = "secret"},
       {.refresh_interval = 50 * kNanosPerMilli});
  EXPECT_EQ(house_->AskIn("before", "SELECT count(*) FROM things"), "100");
  const std::string first = house_->journal().Generations()->front();

  // One that can't be loaded changes nothing.
  std::filesystem::copy_file(File("one.dump"), File("good.dump"));
  AppendText(File("bad"), "PGDMP");
  std::filesystem::rename(File("bad"), File("one.dump"));
  EXPECT_EQ(house_->AskIn("between", "SELECT count(*) FROM things"), "100");

  Tell("CREATE TABLE later AS SELECT 1 AS id");
  Dump("new.dump", {"--format=custom"});
  Tell("DROP TABLE later");
  std::filesystem::rename(File("new.dump"), File("one.dump"));
  AwaitTrue([&] { return house_->journal().Generations()->back() != first; });
  AwaitTrue([&] {
    static int tries = 0;
    return house_->AskIn(fmt::format("after-{}", ++tries), "SELECT id FROM later") == "1";
  });
  EXPECT_EQ(house_->AskIn("before", "SELECT to_regclass('later') IS NULL"), "t");
}

TEST_F(DumpsTest, WhatFailsHalfWayLeavesNothing) {
  Dump("one.sql", {"--format=plain"});
  EXPECT_THAT(OpenError({.path = File("one.sql"), .roles = {}, .password = "secret"}),
              AllOf(HasSubstr("FAILED_PRECONDITION/DUMP_NOT_LOADED"),
                    HasSubstr("role \"ann\" does not exist"), HasSubstr("--roles-only")));
  // A value of the data is in no message.
  std::string text = ReadText(File("one.sql"));
  const std::size_t at = text.find("\n42\n");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 4, "\nplanted\n");
  std::ofstream(File("one.sql")) << text;
  DumpAll("roles.sql", {"--roles-only"});
  EXPECT_THAT(OpenError({.path = File("one.sql"), .roles = File("roles.sql"), .password = {}}),
              AllOf(HasSubstr("DUMP_NOT_LOADED"), HasSubstr("invalid input syntax"),
                    Not(HasSubstr("planted"))));
}

TEST_F(DumpsTest, RefusesWhatItCantUse) {
  Dump("one.dump", {"--format=custom"});
  Dump("one.sql", {"--format=plain", "--no-owner"});
  EXPECT_THAT(OpenError({.path = File("one.dump"), .roles = {}, .password = {}}),
              HasSubstr("FAILED_PRECONDITION/DUMP_PASSWORD_MISSING"));
  EXPECT_THAT(OpenError({.path = File("one.dump"), .roles = File("one.sql"), .password = {}}),
              HasSubstr("no script of roles"));
  EXPECT_THAT(OpenError({.path = File("none"), .roles = {}, .password = "secret"}),
              HasSubstr("NOT_FOUND/DUMP_NOT_FOUND"));

  AppendText(File("cut.dump"), ReadText(File("one.dump")).substr(0, 100));
  EXPECT_THAT(OpenError({.path = File("cut.dump"), .roles = {}, .password = "secret"}),
              HasSubstr("FAILED_PRECONDITION/NOT_A_DUMP"));
  std::string text = ReadText(File("one.sql"));
  const std::string version = "Dumped from database version 15";
  text.replace(text.find(version), version.size(), "Dumped from database version 97");
  AppendText(File("new.sql"), text);
  EXPECT_THAT(OpenError({.path = File("new.sql"), .roles = {}, .password = "secret"}),
              AllOf(HasSubstr("FAILED_PRECONDITION/DUMP_OF_NEWER_MAJOR"),
                    HasSubstr("of PostgreSQL 97"), HasSubstr("install postgresql-97")));
  // The version of the format, behind the magic.
  std::string archive = ReadText(File("one.dump"));
  archive[6] = 99;
  AppendText(File("new.dump"), archive);
  EXPECT_THAT(OpenError({.path = File("new.dump"), .roles = {}, .password = "secret"}),
              HasSubstr("FAILED_PRECONDITION/DUMP_OF_NEWER_MAJOR"));
}

// psql runs commands of the shell that a script has in it.
TEST_F(DumpsTest, AScriptDoesNotGetOutOfItsWalls) {
  Dump("one.sql", {"--format=plain", "--no-owner"});
  const std::string out = File("out");
  std::filesystem::create_directory(out);
  ::chmod(out.c_str(), 0777);
  ::chmod(ground_.directory.path().c_str(), 0755);
  std::string text = ReadText(File("one.sql"));
  text.insert(text.find("SET statement_timeout"), "\\! echo escaped > " + out + "/file\n");
  // A newer pg_dump forbids such commands; whoever writes a script need not.
  const std::size_t restrict = text.find("\\restrict");
  if (restrict != std::string::npos) text.erase(restrict, text.find('\n', restrict) - restrict);
  const std::size_t end = text.find("\\unrestrict");
  if (end != std::string::npos) text.erase(end, text.find('\n', end) - end);
  AppendText(File("bad.sql"), text);
  Open({.path = File("bad.sql"), .roles = {}, .password = "secret"});
  EXPECT_EQ(house_->AskIn("walled", "SELECT count(*) FROM things"), "100");
  EXPECT_TRUE(std::filesystem::is_empty(out));
}

}  // namespace
}  // namespace prism::branching
