// Stores that earlier versions of the program have written.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/testing/temp_directory.h"
#include "namespaces/store/config_reader.h"
#include "namespaces/store/config_store.h"

namespace prism::namespaces {
namespace {

class UpgradeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(PRISM_VERSION_2);
    const std::string dump{std::istreambuf_iterator<char>(file), {}};
    ASSERT_FALSE(dump.empty()) << PRISM_VERSION_2;
    const auto connection = sqlite::Connection::Open({.path = path_, .create = true});
    ASSERT_TRUE(connection) << connection.error().ToString();
    const Status written = (*connection)->Execute(dump);
    ASSERT_TRUE(written) << written.error().ToString();
  }

  base::testing::TempDirectory directory_;
  const std::string path_ = directory_.File("config.db");
  ManualClock clock_{1'700'000'000'000};
};

TEST_F(UpgradeTest, RowsOfVersion2AreBelievedAndTakeWhatIsNew) {
  auto opened = ConfigStore::Open({.path = path_}, clock_);
  ASSERT_TRUE(opened) << opened.error().ToString();
  ConfigStore& store = **opened;
  const auto before = store.Load();
  ASSERT_TRUE(before) << before.error().ToString();
  EXPECT_EQ(before->revision, 4);
  ASSERT_EQ(before->snapshot->namespaces.size(), 2u);
  NamespaceConfig orders = *before->snapshot->FindNamespace("orders");
  EXPECT_EQ(orders.rate_limit_rps, 100u);
  EXPECT_EQ(orders.needs, Needs());
  EXPECT_EQ(orders.shadow, std::nullopt);
  EXPECT_TRUE(store.VerifyHistory());

  orders.needs.latency_p99_ms = 9;
  ASSERT_TRUE(store.Commit({.backends = {}, .namespaces = {{"orders", orders}}}, {"ann", ""}));
  EXPECT_EQ(*store.Load()->snapshot->FindNamespace("orders"), orders);
  EXPECT_TRUE(store.VerifyHistory());
  const filter::Schema schema = NamespaceFilterSchema();
  RecordQuery query;
  query.where = *filter::ToSql(*filter::Filter::Compile("latency_p99_ms < 10", schema),
                               RecordQuery::kFirstParameter);
  const auto page = ConfigReader(store).ListNamespaces(query);
  ASSERT_TRUE(page) << page.error().ToString();
  ASSERT_EQ(page->rows.size(), 1u);
  EXPECT_EQ(page->rows.front().record.config, orders);

  // What was before the upgrade comes back too.
  const auto back = store.PlanRollBack(4, "orders");
  ASSERT_TRUE(back) << back.error().ToString();
  ASSERT_TRUE(store.Commit(*back, {"ann", ""}));
  EXPECT_EQ(store.Load()->snapshot->FindNamespace("orders")->needs, Needs());
}

TEST_F(UpgradeTest, WhatWasThereIsKeptBesideIt) {
  ASSERT_TRUE(ConfigStore::Open({.path = path_}, clock_));
  const std::string backup = path_ + ".before-upgrade-20231114T221320Z";
  ASSERT_TRUE(std::filesystem::exists(backup));
  const auto kept = sqlite::Connection::Open({.path = backup, .access = sqlite::Access::kReader});
  ASSERT_TRUE(kept) << kept.error().ToString();
  EXPECT_EQ(*(*kept)->QueryInt("SELECT version FROM prism_schema WHERE part = 'config_store'"), 2);
  EXPECT_EQ(*(*kept)->QueryInt("SELECT count(*) FROM pragma_table_info('namespaces') "
                               "WHERE name = 'needs'"),
            0);
}

}  // namespace
}  // namespace prism::namespaces
