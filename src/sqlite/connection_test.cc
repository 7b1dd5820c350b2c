#include "sqlite/connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <limits>
#include <string>

#include "base/testing/temp_directory.h"
#include "sqlite/backup.h"
#include "sqlite/migrations.h"

namespace prism::sqlite {
namespace {

using base::testing::TempDirectory;

constexpr std::array<std::string_view, 2> kSteps = {
    "CREATE TABLE t(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID",
    "ALTER TABLE t ADD COLUMN extra INTEGER"};

std::unique_ptr<Connection> OpenWriter(const std::string& path) {
  auto opened = Connection::Open({.path = path, .create = true});
  EXPECT_TRUE(opened) << opened.error().ToString();
  return opened ? *std::move(opened) : nullptr;
}

Status MigrateTo(Connection& connection, std::size_t version) {
  const std::array parts = {SchemaPart{"test", std::span(kSteps).first(version)}};
  return Migrate(connection, parts);
}

TEST(Connection, HasTheSettingsOfTheProject) {
  const TempDirectory directory;
  const auto writer = OpenWriter(directory.File("a.db"));
  EXPECT_EQ(*writer->QueryInt("PRAGMA synchronous"), 2);
  EXPECT_EQ(*writer->QueryInt("PRAGMA page_size"), 4096);
  EXPECT_EQ(*writer->QueryInt("PRAGMA wal_autocheckpoint"), 0);
  EXPECT_EQ(*writer->QueryInt("PRAGMA mmap_size"), 0);
  ASSERT_TRUE(MigrateTo(*writer, 1));
  const auto reader = Connection::Open({.path = directory.File("a.db"), .access = Access::kReader});
  ASSERT_TRUE(reader);
  EXPECT_EQ(*(*reader)->QueryInt("PRAGMA query_only"), 1);
  EXPECT_FALSE((*reader)->Execute("INSERT INTO t VALUES(x'00', x'00')"));
}

TEST(Connection, OnlyItsUserMayReadWhatItMakes) {
  const TempDirectory directory;
  const mode_t usual = umask(0);
  {
    const auto writer = OpenWriter(directory.File("a.db"));
    umask(usual);
    ASSERT_TRUE(MigrateTo(*writer, 1));
    for (const char* name : {"a.db", "a.db-wal", "a.db-shm"}) {
      struct stat made{};
      ASSERT_EQ(stat(directory.File(name).c_str(), &made), 0) << name;
      EXPECT_EQ(made.st_mode & 0777, 0600U) << name;
    }
  }
}

TEST(Connection, ReaderDoesNotMakeAFile) {
  const TempDirectory directory;
  const auto reader = Connection::Open({.path = directory.File("a.db"), .access = Access::kReader});
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().reason(), "FILE_UNREADABLE");
  EXPECT_NE(access(directory.File("a.db").c_str(), F_OK), 0);
}

TEST(Statement, EmptyBytesAreNotNull) {
  const TempDirectory directory;
  const auto db = OpenWriter(directory.File("a.db"));
  ASSERT_TRUE(MigrateTo(*db, 1));
  {
    auto put = db->Prepare("INSERT INTO t VALUES(?1, ?2)");
    ASSERT_TRUE(put);
    ASSERT_TRUE(put->Blob(1, std::string_view()).Null(2).Run());
    ASSERT_TRUE(put->Blob(1, std::string_view("a\0b", 3)).Blob(2, "").Run());
  }
  auto all = db->Prepare("SELECT k, v FROM t ORDER BY k");
  ASSERT_TRUE(all);
  ASSERT_TRUE(*all->Step());
  EXPECT_FALSE(all->IsNullAt(0));
  EXPECT_EQ(all->BlobAt(0), "");
  EXPECT_TRUE(all->IsNullAt(1));
  ASSERT_TRUE(*all->Step());
  EXPECT_EQ(all->BlobAt(0), std::string_view("a\0b", 3));
  EXPECT_FALSE(all->IsNullAt(1));
  EXPECT_FALSE(*all->Step());
}

TEST(Statement, NumbersComeBackExactly) {
  const auto db = Connection::OpenMemory();
  ASSERT_TRUE(db);
  auto same = (*db)->PrepareOnce("SELECT ?1 = 0.1, typeof(?1), typeof(?2), ?3 = 9007199254740993");
  ASSERT_TRUE(same);
  same->Double(1, 0.1).Double(2, std::numeric_limits<double>::quiet_NaN());
  same->Int(3, 9'007'199'254'740'993);
  ASSERT_TRUE(*same->Step());
  EXPECT_EQ(same->IntAt(0), 1);
  EXPECT_EQ(same->TextAt(1), "real");
  EXPECT_EQ(same->TextAt(2), "null");
  EXPECT_EQ(same->IntAt(3), 1);
}

TEST(Statement, TheSameTextMayBeUsedWhileItIsInUse) {
  const TempDirectory directory;
  const auto db = OpenWriter(directory.File("a.db"));
  ASSERT_TRUE(db->Execute("CREATE TABLE n(i); INSERT INTO n VALUES(1),(2),(3)"));
  auto outer = db->Prepare("SELECT i FROM n ORDER BY i");
  int rows = 0;
  while (*outer->Step()) {
    auto inner = db->Prepare("SELECT i FROM n ORDER BY i");
    ASSERT_TRUE(*inner->Step());
    EXPECT_EQ(inner->IntAt(0), 1);
    EXPECT_EQ(outer->IntAt(0), ++rows);
  }
  EXPECT_EQ(rows, 3);
}

TEST(Statement, AFailureStaysWithTheConnectionUntilItIsCleared) {
  const TempDirectory directory;
  const auto db = OpenWriter(directory.File("a.db"));
  ASSERT_TRUE(MigrateTo(*db, 1));
  ASSERT_TRUE(db->Execute("INSERT INTO t VALUES(x'01', x'02')"));
  const auto again = db->Execute("INSERT INTO t VALUES(x'01', x'02')");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), Code::kInternal);
  EXPECT_EQ(db->failure() & 0xff, SQLITE_CONSTRAINT);
  EXPECT_TRUE(db->QueryInt("SELECT count(*) FROM t"));
  EXPECT_NE(db->failure(), 0);
  db->ClearFailure();
  EXPECT_EQ(db->failure(), 0);
}

TEST(Migrations, RunOnceAndInOrder) {
  const TempDirectory directory;
  {
    const auto db = OpenWriter(directory.File("a.db"));
    ASSERT_TRUE(MigrateTo(*db, 1));
    ASSERT_TRUE(db->Execute("INSERT INTO t(k, v) VALUES(x'01', x'02')"));
  }
  const auto db = OpenWriter(directory.File("a.db"));
  ASSERT_TRUE(MigrateTo(*db, 2));
  ASSERT_TRUE(MigrateTo(*db, 2));
  EXPECT_EQ(*db->QueryInt("SELECT count(*) FROM t WHERE extra IS NULL"), 1);
}

TEST(Migrations, RefuseAFileOfALaterVersion) {
  const TempDirectory directory;
  const auto db = OpenWriter(directory.File("a.db"));
  ASSERT_TRUE(MigrateTo(*db, 2));
  const auto refused = MigrateTo(*db, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(refused.error().reason(), "FILE_TOO_NEW");
  EXPECT_NE(refused.error().message().find("a.db"), std::string::npos);
  ASSERT_TRUE(db->Execute("PRAGMA user_version=2"));
  EXPECT_EQ(MigrateTo(*db, 2).error().reason(), "FILE_TOO_NEW");
}

TEST(Migrations, RefuseAVersionThatNobodyWrote) {
  const TempDirectory directory;
  const auto db = OpenWriter(directory.File("a.db"));
  ASSERT_TRUE(MigrateTo(*db, 1));
  ASSERT_TRUE(db->Execute("UPDATE prism_schema SET version = -1"));
  EXPECT_EQ(MigrateTo(*db, 2).error().reason(), "FILE_DAMAGED");
  ASSERT_TRUE(db->Execute("UPDATE prism_schema SET version = 4294967297"));
  EXPECT_EQ(MigrateTo(*db, 2).error().reason(), "FILE_TOO_NEW");
}

TEST(Migrations, AFailedStepLeavesNothing) {
  const TempDirectory directory;
  const auto db = OpenWriter(directory.File("a.db"));
  constexpr std::array<std::string_view, 2> kBroken = {"CREATE TABLE u(k)", "no SQL"};
  const std::array parts = {SchemaPart{"test", kBroken}};
  EXPECT_FALSE(Migrate(*db, parts));
  EXPECT_EQ(*db->QueryInt("SELECT count(*) FROM sqlite_schema"), 0);
  EXPECT_TRUE(MigrateTo(*db, 1));
}

TEST(Connection, LeavesADatabaseOfAnotherProgramAlone) {
  const TempDirectory directory;
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(directory.File("a.db").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "CREATE TABLE theirs(x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  const auto opened = Connection::Open({.path = directory.File("a.db"), .create = true});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason(), "FILE_FOREIGN");
  EXPECT_NE(access(directory.File("a.db-wal").c_str(), F_OK), 0);
}

TEST(Connection, NamesWhatIsNoDatabase) {
  const TempDirectory directory;
  std::ofstream(directory.File("a.db")) << std::string(8192, 'x');
  const auto opened = Connection::Open({.path = directory.File("a.db"), .create = true});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Code::kDataLoss);
  EXPECT_EQ(opened.error().reason(), "FILE_DAMAGED");
  EXPECT_NE(opened.error().message().find("backup"), std::string::npos);
}

TEST(Connection, NamesWhatCanNotBeOpened) {
  const TempDirectory directory;
  const auto opened = Connection::Open({.path = directory.File("none/a.db"), .create = true});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason(), "FILE_UNREADABLE");
  EXPECT_NE(opened.error().message().find("No such file"), std::string::npos)
      << opened.error().message();
}

TEST(Backup, IsACompleteFileWithoutALog) {
  const TempDirectory directory;
  const auto db = OpenWriter(directory.File("a.db"));
  ASSERT_TRUE(MigrateTo(*db, 2));
  ASSERT_TRUE(db->Execute("INSERT INTO t(k, v) VALUES(x'01', zeroblob(100000))"));
  ASSERT_TRUE(BackupTo(*db, directory.File("b.db")));
  EXPECT_NE(access(directory.File("b.db-wal").c_str(), F_OK), 0);
  const auto copy = OpenWriter(directory.File("b.db"));
  EXPECT_EQ(*copy->QueryInt("SELECT length(v) FROM t"), 100000);
  EXPECT_TRUE(CheckIntegrity(*copy));
  EXPECT_EQ(BackupTo(*db, directory.File("b.db")).error().reason(), "BACKUP_EXISTS");
}

TEST(Backup, IntegrityCheckFindsADamagedPage) {
  const TempDirectory directory;
  const std::string path = directory.File("a.db");
  {
    const auto db = OpenWriter(path);
    ASSERT_TRUE(MigrateTo(*db, 1));
    ASSERT_TRUE(db->Execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
        "INSERT INTO t SELECT i, randomblob(100) FROM n"));
    ASSERT_TRUE(db->Checkpoint(true)->complete);
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5 * 4096);
    file << std::string(4096, '\x5a');
  }
  const auto db = OpenWriter(path);
  const auto checked = CheckIntegrity(*db);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().reason(), "FILE_DAMAGED");
}

}  // namespace
}  // namespace prism::sqlite
