#include "namespaces/store/backups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/testing/temp_directory.h"
#include "namespaces/config_json.h"
#include "sqlite/row_hash.h"

namespace prism::namespaces {
namespace {

constexpr WallMillis kDay = 24LL * 3600 * 1000;
constexpr WallMillis kStart = 1'700'000'000'000;  // 2023-11-14

class BackupsTest : public ::testing::Test {
 protected:
  void Open() {
    auto opened = ConfigStore::Open({.path = data_ + "/config.db"}, clock_);
    ASSERT_TRUE(opened) << opened.error().ToString();
    store_ = *std::move(opened);
  }
  void SetUp() override {
    std::filesystem::create_directory(data_);
    Open();
    Put(1);
  }
  void Put(std::uint64_t rate) {
    NamespaceConfig config;
    config.name = config.settings.name = "orders";
    config.backend = "memory";
    config.rate_limit_rps = rate;
    const BackendConfig memory{
        .name = "memory", .type = "memory", .connection = "", .username = "", .password = ""};
    ASSERT_TRUE(store_->Commit(
        {.backends = {{"memory", memory}}, .namespaces = {{"orders", config}}}, {"ann", ""}));
  }
  std::uint64_t Rate() const {
    return store_->Load()->snapshot->FindNamespace("orders")->rate_limit_rps;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(backups_)) {
      names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }

  base::testing::TempDirectory root_;
  const std::string data_ = root_.File("data");
  const std::string backups_ = root_.File("backups");
  ManualClock clock_{kStart};
  std::unique_ptr<ConfigStore> store_;
  BackupDirectory directory_{backups_, 30};
};

TEST_F(BackupsTest, OneADayIsMadeAndKeptForAMonth) {
  EXPECT_EQ(**directory_.MakeDaily(*store_, kStart), backups_ + "/config-20231114.db");
  EXPECT_EQ(*directory_.MakeDaily(*store_, kStart + 1000), std::nullopt);
  for (int day = 1; day <= 35; ++day) {
    ASSERT_TRUE(*directory_.MakeDaily(*store_, kStart + day * kDay));
  }
  const auto names = Names();
  EXPECT_EQ(names.size(), 31u);
  EXPECT_EQ(names.front(), "config-20231119.db");
  EXPECT_EQ(names.back(), "config-20231219.db");
}

TEST_F(BackupsTest, OneThatIsAskedForHasItsOwnName) {
  ASSERT_TRUE(directory_.MakeDaily(*store_, kStart));
  Put(2);
  const auto made = directory_.MakeNow(*store_, kStart + 1000);
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(*made, backups_ + "/config-20231114T221321Z.db");
  EXPECT_EQ(directory_.MakeNow(*store_, kStart + 1000).error().reason(), "BACKUP_FAILED");
  EXPECT_EQ(directory_.NewestGood()->path, *made);
  EXPECT_EQ(directory_.NewestGood()->revision, 2);
  ASSERT_TRUE(directory_.MakeDaily(*store_, kStart + 40 * kDay));
  EXPECT_EQ(Names().size(), 1u);
}

TEST_F(BackupsTest, OthersFilesAreLeftAlone) {
  std::filesystem::create_directory(backups_);
  std::ofstream(backups_ + "/config-2019.db") << "mine";
  std::ofstream(backups_ + "/notes.txt") << "mine";
  ASSERT_TRUE(directory_.MakeDaily(*store_, kStart));
  EXPECT_EQ(Names().size(), 3u);
}

TEST_F(BackupsTest, RestoringBringsBackWhatWasThere) {
  const std::string backup = **directory_.MakeDaily(*store_, kStart);
  Put(2);
  store_.reset();
  const auto restored = RestoreBackup(backup, data_, kStart);
  ASSERT_TRUE(restored) << restored.error().ToString();
  EXPECT_EQ(restored->revision, 1);
  Open();
  EXPECT_EQ(Rate(), 1u);
  EXPECT_TRUE(store_->VerifyHistory());
  EXPECT_TRUE(std::filesystem::exists(data_ + "/config.db.before-restore-20231114T221320Z"));
  Put(3);
  store_.reset();
  Open();
  EXPECT_EQ(Rate(), 3u);
}

// SHA-256 over everything that a store holds up to a revision.
std::string HashUpTo(const ConfigStore& store, Revision revision) {
  sqlite::RowHash hash;
  const auto content = store.LoadAt(revision);
  EXPECT_TRUE(content) << content.error().ToString();
  for (const auto& backend : content->snapshot->backends) hash.Text(ToJsonText(backend));
  for (const auto& ns : content->snapshot->namespaces) {
    hash.Text(ToJsonText(ns));
    for (const HistoryEntry& entry : *store.HistoryOf(ns.name)) {
      if (entry.revision > revision) break;
      hash.Int(entry.revision).Text(entry.changed_by).Text(entry.new_config.value_or(""));
    }
  }
  return hash.Hex();
}

TEST_F(BackupsTest, UnderWriteLoadItIsOneStateOfTheStore) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (std::uint64_t rate = 2; !stop; ++rate) Put(rate);
  });
  for (int day = 0; day < 5; ++day) {
    const auto made = directory_.MakeDaily(*store_, kStart + day * kDay);
    ASSERT_TRUE(made && *made);
    const std::string elsewhere = root_.File("machine-" + std::to_string(day));
    const auto restored = RestoreBackup(**made, elsewhere, kStart);
    ASSERT_TRUE(restored) << restored.error().ToString();
    auto other = ConfigStore::Open({.path = elsewhere + "/config.db"}, clock_);
    ASSERT_TRUE(other);
    EXPECT_EQ((*other)->Load()->revision, restored->revision);
    EXPECT_EQ(HashUpTo(**other, restored->revision), HashUpTo(*store_, restored->revision));
  }
  stop = true;
  writer.join();
  EXPECT_GT(store_->Load()->revision, 5);
}

TEST_F(BackupsTest, EachRestoreKeepsWhatWasThere) {
  const std::string backup = **directory_.MakeDaily(*store_, kStart);
  Put(2);
  store_.reset();
  ASSERT_TRUE(RestoreBackup(backup, data_, kStart));
  ASSERT_TRUE(RestoreBackup(backup, data_, kStart)) << "within the same second";
  const std::string first = data_ + "/config.db.before-restore-20231114T221320Z";
  EXPECT_EQ(CheckBackup(first)->revision, 2);
  EXPECT_EQ(CheckBackup(first + "-2")->revision, 1);
}

// As a server that was killed leaves it.
TEST_F(BackupsTest, WhatTheLogOfAFileHoldsIsPartOfIt) {
  Put(2);
  const std::string left = root_.File("left.db");
  std::filesystem::copy_file(data_ + "/config.db", left);
  std::filesystem::copy_file(data_ + "/config.db-wal", left + "-wal");
  ASSERT_GT(std::filesystem::file_size(left + "-wal"), 0u);
  const auto restored = RestoreBackup(left, root_.File("another"), kStart);
  ASSERT_TRUE(restored) << restored.error().ToString();
  EXPECT_EQ(restored->revision, 2);
  EXPECT_EQ(CheckBackup(root_.File("another") + "/config.db")->revision, 2);
}

TEST_F(BackupsTest, RestoringWorksOnAnEmptyDirectory) {
  const std::string backup = **directory_.MakeDaily(*store_, kStart);
  ASSERT_TRUE(RestoreBackup(backup, root_.File("another"), kStart));
  auto other = ConfigStore::Open({.path = root_.File("another/config.db")}, clock_);
  ASSERT_TRUE(other);
  EXPECT_EQ((*other)->Load()->snapshot->namespaces, store_->Load()->snapshot->namespaces);
}

TEST_F(BackupsTest, TheNewestGoodOneIsFound) {
  EXPECT_FALSE(directory_.NewestGood());
  ASSERT_TRUE(directory_.MakeDaily(*store_, kStart));
  Put(2);
  const std::string newer = **directory_.MakeDaily(*store_, kStart + kDay);
  EXPECT_EQ(directory_.NewestGood()->path, newer);
  EXPECT_EQ(directory_.NewestGood()->revision, 2);
  std::filesystem::resize_file(newer, std::filesystem::file_size(newer) / 2);
  EXPECT_EQ(directory_.NewestGood()->path, backups_ + "/config-20231114.db");
}

TEST_F(BackupsTest, WhatIsNoStoreIsNotRestored) {
  store_.reset();
  std::ofstream(root_.File("text")) << std::string(10'000, 'x');
  std::ofstream(root_.File("empty")) << "";
  for (const char* name : {"text", "empty", "none", "data"}) {
    const auto restored = RestoreBackup(root_.File(name), data_, kStart);
    ASSERT_FALSE(restored) << name;
    EXPECT_EQ(restored.error().reason(), "NOT_A_CONFIG_STORE") << name;
  }
  Open();
  EXPECT_EQ(Rate(), 1u);
}

TEST_F(BackupsTest, ADirectoryThatCantBeWrittenIsSaid) {
  std::ofstream file(backups_);
  const auto made = directory_.MakeDaily(*store_, kStart);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().reason(), "BACKUP_FAILED");
}

}  // namespace
}  // namespace prism::namespaces
