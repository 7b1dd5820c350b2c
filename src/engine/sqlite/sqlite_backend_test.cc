#include "engine/sqlite/sqlite_backend.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/testing/temp_directory.h"
#include "engine/keyvalue/local_keyvalue.h"
#include "engine/testing/sqlite_engine.h"
#include "sqlite/testing/power_loss_vfs.h"

namespace prism::engine {
namespace {

using namespace keyvalue::v1;  // NOLINT(google-build-using-namespace): the messages of this model
using ::testing::HasSubstr;
using testing::SqliteEngine;

class SqliteBackendTest : public ::testing::Test {
 protected:
  std::string File() const { return directory_.File("namespaces/test.db"); }

  static Result<std::string> Set(SqliteEngine& engine, const std::string& key,
                                 const std::string& value, const std::string& request_id = "") {
    SetRequest request;
    request.set_key(key);
    request.set_value(value);
    request.set_request_id(request_id);
    SetResponse response;
    TRY(engine.Call(&KeyValueBasic::Set, request, response));
    return response.version();
  }
  static std::string Get(SqliteEngine& engine, const std::string& key) {
    GetRequest request;
    request.set_key(key);
    GetResponse response;
    const Status status = engine.Call(&KeyValueBasic::Get, request, response);
    if (!status) return std::string(status.error().reason());
    return response.found() ? response.value() : "absent";
  }
  // One number out of the file, with the server stopped.
  std::int64_t Query(std::string_view sql) {
    auto db = sqlite::Connection::Open({.path = File()});
    EXPECT_TRUE(db);
    const auto value = (*db)->QueryInt(sql);
    EXPECT_TRUE(value);
    return *value;
  }

  base::testing::TempDirectory directory_;
};

TEST_F(SqliteBackendTest, AnAnsweredWriteSaysThatItIsFsynced) {
  SqliteEngine engine(directory_.path());
  ASSERT_TRUE(Set(engine, "k", "v"));
  EXPECT_EQ(engine.durability(), contract::Durability::kFsynced);
  EXPECT_EQ(Get(engine, "k"), "v");
  EXPECT_EQ(engine.backend().traits().type, "sqlite");
  EXPECT_TRUE(engine.backend().Health());
}

TEST_F(SqliteBackendTest, ReadingMakesNoFile) {
  SqliteEngine engine(directory_.path());
  EXPECT_EQ(Get(engine, "k"), "absent");
  EXPECT_FALSE(std::filesystem::exists(File()));
  ASSERT_TRUE(Set(engine, "k", "v"));
  EXPECT_TRUE(std::filesystem::exists(File()));
  EXPECT_EQ(Get(engine, "k"), "v");
}

TEST_F(SqliteBackendTest, DataVersionsAndRequestIdsSurviveARestart) {
  std::string version;
  {
    SqliteEngine engine(directory_.path());
    version = *Set(engine, "k", "v", "id-1");
  }
  SqliteEngine engine(directory_.path());
  EXPECT_EQ(Get(engine, "k"), "v");
  EXPECT_EQ(*Set(engine, "k", "v", "id-1"), version) << "the first answer, not a second write";
  const auto reused = Set(engine, "k", "other", "id-1");
  ASSERT_FALSE(reused);
  EXPECT_EQ(reused.error().reason(), "REQUEST_ID_REUSED");
  EXPECT_NE(*Set(engine, "k", "v"), version);
}

TEST_F(SqliteBackendTest, VersionsGoOnAboveThoseOfAFileFromABackup) {
  const std::string backup = directory_.File("backup.db");
  std::string later;
  {
    SqliteEngine engine(directory_.path());
    ASSERT_TRUE(Set(engine, "k", "1"));
    ASSERT_TRUE(engine.database().Backup(backup));
    later = *Set(engine, "k", "2");
  }
  std::filesystem::copy_file(backup, File(), std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove(File() + "-wal");
  SqliteEngine engine({.data_dir = directory_.path()}, {.name = "test"}, 1'700'000'001'000);
  EXPECT_EQ(Get(engine, "k"), "1");
  // The next version by the counter alone would be `later` again.
  EXPECT_NE(*Set(engine, "k", "3"), later);
}

TEST_F(SqliteBackendTest, CountersAgreeWithTheRows) {
  {
    SqliteEngine engine(directory_.path());
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(Set(engine, "key" + std::to_string(i % 20),
                      std::string(static_cast<std::size_t>(i), 'x'), "id" + std::to_string(i)));
    }
    DeletePrefixRequest request;
    request.set_prefix("key1");
    DeletePrefixResponse response;
    ASSERT_TRUE(engine.Call(&KeyValueScan::DeletePrefix, request, response));
    EXPECT_EQ(response.deleted(), 11);
  }
  EXPECT_EQ(Query("SELECT value FROM meta WHERE name = 'keys'"), 9);
  EXPECT_EQ(
      Query("SELECT value FROM meta WHERE name = 'bytes'"),
      Query("SELECT sum(length(key) + length(value) + coalesce(length(tags), 0)) FROM keyvalue"));
  EXPECT_EQ(Query("SELECT value FROM meta WHERE name = 'request_ids'"), 50);
}

TEST_F(SqliteBackendTest, AQuotaHoldsAcrossARestart) {
  const contract::NamespaceSettings settings = {.name = "test", .max_keys = 2};
  {
    SqliteEngine engine(directory_.path(), settings);
    ASSERT_TRUE(Set(engine, "a", "1"));
    ASSERT_TRUE(Set(engine, "b", "1"));
  }
  SqliteEngine engine(directory_.path(), settings);
  const auto refused = Set(engine, "c", "1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "QUOTA_EXCEEDED");
  EXPECT_TRUE(Set(engine, "a", "2"));
}

TEST_F(SqliteBackendTest, ABatchThatIsTakenBackIsNotCounted) {
  sqlite::testing::PowerLossVfs vfs(1);
  const contract::NamespaceSettings settings = {.name = "test", .max_keys = 2};
  {
    SqliteEngine engine({.data_dir = directory_.path(), .vfs = vfs.name()}, settings);
    ASSERT_TRUE(Set(engine, "a", "1"));
    vfs.SetFault([](sqlite::testing::IoCall call, std::string_view) {
      return call == sqlite::testing::IoCall::kWrite ? SQLITE_FULL : SQLITE_OK;
    });
    for (int i = 0; i < 3; ++i) {
      const auto full = Set(engine, "b", "1", "id");
      ASSERT_FALSE(full);
      EXPECT_EQ(full.error().reason(), "DISK_FULL");
    }
    vfs.SetFault(nullptr);
    EXPECT_EQ(Get(engine, "b"), "absent");
    ASSERT_TRUE(Set(engine, "b", "1", "id"));
    EXPECT_EQ(Set(engine, "c", "1").error().reason(), "QUOTA_EXCEEDED");
  }
  EXPECT_EQ(Query("SELECT value FROM meta WHERE name = 'request_ids'"), 1);
}

TEST_F(SqliteBackendTest, WorkWhoseDeadlineHasPassedIsDropped) {
  SqliteEngine engine(directory_.path());
  ASSERT_TRUE(Set(engine, "k", "1"));
  SetRequest request;
  request.set_key("k");
  request.set_value("2");
  SetResponse response;
  const Status late = engine.Call(&KeyValueBasic::Set, request, response, MonotonicNow() - 1);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(Get(engine, "k"), "1");
}

TEST_F(SqliteBackendTest, HousekeepingRemovesWhatHasExpired) {
  {
    sqlite::testing::PowerLossVfs quick(1);
    SqliteEngine engine({.data_dir = directory_.path(), .vfs = quick.name()});
    for (int i = 0; i < 700; ++i) {
      SetRequest request;
      request.set_key("k" + std::to_string(i));
      request.set_request_id("id" + std::to_string(i));
      if (i != 0) testing::SetTtl(request, 1);
      SetResponse response;
      ASSERT_TRUE(engine.Call(&KeyValueBasic::Set, request, response));
    }
  }
  ManualClock clock(1'700'000'000'000 + 3'600'000);
  const models::NamespaceLimits limits({.name = "test"});
  SqliteNamespaceKind kind(limits, clock, BuiltinSqliteModels());
  const auto db = *sqlite::Connection::Open({.path = File()});
  const auto writer = *kind.MakeWriter(*db);
  int rounds = 1;
  ASSERT_TRUE(db->Begin());
  for (auto more = writer->Housekeep(); more && *more; more = writer->Housekeep()) ++rounds;
  ASSERT_TRUE(writer->BeforeCommit());
  ASSERT_TRUE(db->Commit());
  EXPECT_EQ(rounds, 2) << "a bounded amount each time";
  EXPECT_EQ(*db->QueryInt("SELECT count(*) FROM keyvalue"), 1);
  EXPECT_EQ(*db->QueryInt("SELECT value FROM meta WHERE name = 'keys'"), 1);
  EXPECT_EQ(*db->QueryInt("SELECT count(*) FROM request_ids"), 0);
  EXPECT_EQ(*db->QueryInt("SELECT value FROM meta WHERE name = 'request_ids'"), 0);
}

TEST_F(SqliteBackendTest, AFullTableOfRequestIdsRefusesOnlyCallsWithOne) {
  SqliteEngine engine(directory_.path(), {.name = "test", .dedup_max_entries = 2});
  ASSERT_TRUE(Set(engine, "k", "1", "id1"));
  ASSERT_TRUE(Set(engine, "k", "2", "id2"));
  EXPECT_EQ(Set(engine, "k", "3", "id3").error().reason(), "DEDUP_FULL");
  EXPECT_TRUE(Set(engine, "k", "4"));
  EXPECT_TRUE(Set(engine, "k", "1", "id1"));
  engine.clock().Advance(11 * 60 * 1000);
  EXPECT_TRUE(Set(engine, "k", "5", "id3")) << "their window has passed";
}

TEST_F(SqliteBackendTest, OneServerADirectory) {
  SqliteEngine first(directory_.path());
  ASSERT_TRUE(first.started());
  SqliteEngine second(directory_.path());
  ASSERT_FALSE(second.started());
  EXPECT_EQ(second.started().error().reason(), "DATA_DIRECTORY_LOCKED");
  EXPECT_THAT(second.started().error().message(), HasSubstr(std::to_string(getpid())));
}

TEST_F(SqliteBackendTest, ADamagedFileIsNamedWithWhatToDo) {
  std::filesystem::create_directories(directory_.File("namespaces"));
  std::ofstream(File()) << std::string(8192, 'x');
  const SqliteEngine engine(directory_.path());
  ASSERT_FALSE(engine.started());
  const Error& error = engine.started().error();
  EXPECT_EQ(error.code(), Code::kDataLoss);
  EXPECT_EQ(error.reason(), "FILE_DAMAGED");
  EXPECT_THAT(error.message(), HasSubstr(File()));
  EXPECT_THAT(error.message(), HasSubstr("put a backup in its place"));
}

TEST_F(SqliteBackendTest, ADamagedPageIsNamedAndTheRestIsRead) {
  constexpr int kKeys = 400;
  {
    sqlite::testing::PowerLossVfs quick(1);
    SqliteEngine engine({.data_dir = directory_.path(), .vfs = quick.name()});
    for (int i = 0; i < kKeys; ++i) {
      ASSERT_TRUE(Set(engine, fmt::format("k{:03}", i), std::string(500, 'x')));
    }
  }
  const auto pages = std::filesystem::file_size(File()) / 4096;
  ASSERT_GT(pages, 40u);
  {
    std::fstream file(File(), std::ios::in | std::ios::out | std::ios::binary);
    for (std::uintmax_t page = pages / 2; page < pages / 2 + 10; ++page) {
      file.seekp(static_cast<std::streamoff>(page * 4096));
      file << std::string(4096, '\x5a');
    }
  }
  SqliteEngine engine(directory_.path());
  ASSERT_TRUE(engine.started()) << "its first pages are well";
  int intact = 0;
  int damaged = 0;
  for (int i = 0; i < kKeys; ++i) {
    const std::string value = Get(engine, fmt::format("k{:03}", i));
    intact += value == std::string(500, 'x') ? 1 : 0;
    damaged += value == "FILE_DAMAGED" ? 1 : 0;
  }
  EXPECT_GT(intact, 0);
  EXPECT_GT(damaged, 0);
  EXPECT_EQ(intact + damaged, kKeys) << "neither absent nor wrong";
  // The first write that meets the damage is the last.
  for (int i = 0; i < kKeys; ++i) {
    if (!Set(engine, fmt::format("k{:03}", i), "y")) break;
  }
  const auto refused = Set(engine, "k000", "y");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "FILE_DAMAGED");
  EXPECT_EQ(engine.backend().Health().error().reason(), "FILE_DAMAGED");
}

// What somebody wrote by hand is read without harm, whatever its types are.
TEST_F(SqliteBackendTest, RowsOfOtherTypesDoNoHarm) {
  {
    SqliteEngine engine(directory_.path());
    ASSERT_TRUE(Set(engine, "k", "v", "id"));
  }
  {
    auto db = sqlite::Connection::Open({.path = File()});
    ASSERT_TRUE((*db)->Execute(
        "INSERT INTO keyvalue VALUES(1, 'no number', 'soon', 7, 3.5), (x'61', -1, -1, x'ff', 'a'), "
        "(x'62', 9e99, NULL, NULL, x''), ('text', 1, NULL, NULL, 'text');"
        "UPDATE request_ids SET payload = 'short', response = 5;"
        "UPDATE meta SET value = 'many' WHERE name IN ('keys', 'bytes', 'request_ids');"));
  }
  SqliteEngine engine(directory_.path());
  ASSERT_TRUE(engine.started());
  EXPECT_EQ(Get(engine, "k"), "v");
  EXPECT_EQ(Get(engine, "a"), "absent");
  EXPECT_EQ(Get(engine, "b"), "");
  EXPECT_EQ(Set(engine, "k", "v", "id").error().reason(), "REQUEST_ID_REUSED");
  CountRequest request;
  CountResponse response;
  EXPECT_TRUE(engine.Call(&KeyValueScan::Count, request, response));
  EXPECT_TRUE(Set(engine, "a", "w"));
  EXPECT_EQ(Get(engine, "a"), "w");
}

// Rows that no call can reach are neither swept nor counted out, and no counter of the file is
// large enough to overflow.
TEST_F(SqliteBackendTest, HousekeepingLeavesRowsThatAreNotOurs) {
  {
    SqliteEngine engine(directory_.path());
    ASSERT_TRUE(Set(engine, "k", "v"));
  }
  ManualClock clock(1'700'000'000'000);
  const models::NamespaceLimits limits({.name = "test"});
  SqliteNamespaceKind kind(limits, clock, BuiltinSqliteModels());
  const auto db = *sqlite::Connection::Open({.path = File()});
  ASSERT_TRUE(db->Execute(
      "INSERT INTO keyvalue VALUES('text', 1, 1, NULL, x''), (x'62', 1, 0, NULL, x'');"
      "UPDATE meta SET value = 9223372036854775807 WHERE name IN ('bytes', 'last_version');"
      "UPDATE meta SET value = -5 WHERE name = 'keys';"));
  const auto writer = *kind.MakeWriter(*db);
  auto& space = static_cast<SqliteNamespaceKind::Writer&>(*writer).session().space();
  EXPECT_TRUE(space.Reserve(1, 1));
  EXPECT_GT(space.NextVersion(), 0u);
  EXPECT_EQ(space.counters().keys, 1);
  ASSERT_TRUE(db->Begin());
  EXPECT_FALSE(*writer->Housekeep());
  ASSERT_TRUE(db->Commit());
  EXPECT_EQ(space.counters().keys, 1);
  EXPECT_EQ(*db->QueryInt("SELECT count(*) FROM keyvalue"), 3);
}

TEST_F(SqliteBackendTest, AFileOfALaterVersionIsRefusedAndLeftAlone) {
  {
    SqliteEngine engine(directory_.path());
    ASSERT_TRUE(Set(engine, "k", "v"));
  }
  {
    auto db = sqlite::Connection::Open({.path = File()});
    ASSERT_TRUE((*db)->Execute("UPDATE prism_schema SET version = 9 WHERE part = 'keyvalue'"));
  }
  const SqliteEngine engine(directory_.path());
  ASSERT_FALSE(engine.started());
  EXPECT_EQ(engine.started().error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(engine.started().error().reason(), "FILE_TOO_NEW");
  EXPECT_EQ(Query("SELECT version FROM prism_schema WHERE part = 'keyvalue'"), 9);
}

TEST_F(SqliteBackendTest, AFileThatCanNotBeOpenedIsExplained) {
  // A directory in its place: unreadable for everybody, root included.
  std::filesystem::create_directories(File());
  const SqliteEngine engine(directory_.path());
  ASSERT_FALSE(engine.started());
  EXPECT_EQ(engine.started().error().reason(), "FILE_UNREADABLE");
  EXPECT_THAT(engine.started().error().message(), HasSubstr(File()));
}

TEST_F(SqliteBackendTest, HealthNamesAFileThatWasClosed) {
  sqlite::testing::PowerLossVfs vfs(1);
  SqliteEngine engine({.data_dir = directory_.path(), .vfs = vfs.name()});
  ASSERT_TRUE(Set(engine, "k", "1"));
  vfs.SetFault([](sqlite::testing::IoCall call, std::string_view) {
    return call == sqlite::testing::IoCall::kSync ? SQLITE_IOERR_FSYNC : SQLITE_OK;
  });
  EXPECT_EQ(Set(engine, "k", "2").error().reason(), "STORE_FAILED");
  EXPECT_EQ(Get(engine, "k"), "STORE_FAILED");
  const Status health = engine.backend().Health();
  ASSERT_FALSE(health);
  EXPECT_EQ(health.error().reason(), "STORE_FAILED");
}

TEST_F(SqliteBackendTest, ANearlyFullDiskIsReadOnly) {
  class FullProbe final : public sqlite::DiskProbe {
   public:
    Result<sqlite::DiskSpace> Measure(const std::string&) override {
      return sqlite::DiskSpace{.total_bytes = 100, .available_bytes = 1};
    }
  };
  SqliteEngine engine({.data_dir = directory_.path(), .disk = std::make_unique<FullProbe>()});
  EXPECT_EQ(Set(engine, "k", "1").error().reason(), "DISK_FULL");
  EXPECT_EQ(Get(engine, "k"), "absent");
  EXPECT_EQ(engine.backend().Health().error().reason(), "DISK_FULL");
}

TEST_F(SqliteBackendTest, ANamespaceIsOpenedOnceAndTakesNewLimits) {
  SqliteEngine engine(directory_.path(), {.name = "test", .max_keys = 1});
  const auto again = engine.backend().Open({.name = "test", .max_keys = 2});
  ASSERT_TRUE(again);
  ASSERT_TRUE(Set(engine, "a", "1"));
  EXPECT_TRUE(Set(engine, "b", "1"));
  EXPECT_EQ(Set(engine, "c", "1").error().reason(), "QUOTA_EXCEEDED");
}

TEST(SqliteBackend, EveryModelNeedsAStore) {
  const base::testing::TempDirectory directory;
  SystemClock clock;
  models::MemoryBudget budget(1u << 20);
  LocalEngine engine({}, clock, budget, BuiltinModels());
  const auto made = SqliteBackend::Make(engine, {.data_dir = directory.path()}, {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().reason(), "MODEL_WITHOUT_STORE");
}

}  // namespace
}  // namespace prism::engine
