#include "namespaces/store/config_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/testing/temp_directory.h"

namespace prism::namespaces {
namespace {

NamespaceConfig Ns(const std::string& name, std::uint64_t rate = 0) {
  NamespaceConfig config;
  config.name = config.settings.name = name;
  config.backend = "memory";
  config.rate_limit_rps = rate;
  return config;
}

class ConfigReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = ConfigStore::Open({.path = directory_.File("config.db")}, clock_);
    ASSERT_TRUE(opened) << opened.error().ToString();
    store_ = *std::move(opened);
    Change change;
    change.backends.push_back({"memory", BackendConfig{.name = "memory",
                                                       .type = "memory",
                                                       .connection = "",
                                                       .username = "",
                                                       .password = ""}});
    Commit(change, "begin");
  }
  void Commit(const Change& change, const std::string& reason = "") {
    const auto committed = store_->Commit(change, {"ann", reason});
    ASSERT_TRUE(committed) << committed.error().ToString();
  }
  void Put(const NamespaceConfig& config) {
    Commit({.backends = {}, .namespaces = {{config.name, config}}});
  }
  void Delete(const std::string& name) { Commit({.backends = {}, .namespaces = {{name, {}}}}); }

  ConfigReader Reader() { return ConfigReader(*store_); }

  base::testing::TempDirectory directory_;
  ManualClock clock_{1'700'000'000'000};
  std::unique_ptr<ConfigStore> store_;
};

TEST_F(ConfigReaderTest, FindsARecordAsItIsAndAsItWas) {
  Put(Ns("orders", 1));
  clock_.Advance(5000);
  Put(Ns("orders", 2));
  const auto found = Reader().FindNamespace("orders");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->record.revision, 3);
  EXPECT_EQ((*found)->type, "memory");
  const auto before = Reader().FindNamespaceAt("orders", 2);
  ASSERT_TRUE(before && *before);
  EXPECT_EQ((*before)->record.config.rate_limit_rps, 1u);
  EXPECT_EQ((*before)->record.id, (*found)->record.id);
  EXPECT_EQ((*before)->record.created_at, (*found)->record.created_at);
  EXPECT_EQ((*before)->record.updated_at + 5, (*found)->record.updated_at);
  EXPECT_EQ((*before)->type, "memory");
  EXPECT_FALSE(Reader().FindNamespaceAt("orders", 1)->has_value());
  EXPECT_EQ(Reader().FindNamespaceAt("orders", 4).error().reason(), "REVISION_UNKNOWN");
  EXPECT_FALSE(Reader().FindNamespace("others")->has_value());
  EXPECT_EQ((*Reader().FindBackend("memory"))->record.config.type, "memory");
}

TEST_F(ConfigReaderTest, PagesGoOnBehindANameAndStayWithinTheNames) {
  for (int i = 0; i < 7; ++i) Put(Ns(fmt::format("ns-{}", i)));
  RecordQuery query;
  query.limit = 3;
  std::vector<std::string> names;
  for (;;) {
    const auto page = Reader().ListNamespaces(query);
    ASSERT_TRUE(page) << page.error().ToString();
    EXPECT_EQ(page->total, 7);
    for (const auto& row : page->rows) names.push_back(row.record.config.name);
    if (!page->more) break;
    query.after = names.back();
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"ns-0", "ns-1", "ns-2", "ns-3", "ns-4", "ns-5", "ns-6"}));
  query.after.clear();
  query.names = {{"ns-5", "absent"}};
  EXPECT_EQ(Reader().ListNamespaces(query)->total, 1);
  query.names = std::vector<std::string>();
  EXPECT_EQ(Reader().ListNamespaces(query)->total, 0);
}

TEST_F(ConfigReaderTest, HistoriesReachWhatWasDeletedNewestFirst) {
  Put(Ns("orders", 1));
  Delete("orders");
  Put(Ns("orders", 2));
  const auto page = Reader().NamespaceHistory("orders", 0, 2);
  ASSERT_TRUE(page) << page.error().ToString();
  ASSERT_EQ(page->rows.size(), 2u);
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->rows[0].operation, "create");
  EXPECT_EQ(page->rows[1].operation, "delete");
  EXPECT_NE(page->rows[0].object_id, page->rows[1].object_id);
  EXPECT_EQ(page->rows[0].hash.size(), 64u);
  const auto rest = Reader().NamespaceHistory("orders", page->rows[1].id, 2);
  ASSERT_EQ(rest->rows.size(), 1u);
  EXPECT_FALSE(rest->more);
  EXPECT_EQ(Reader().BackendHistory("memory", 0, 10)->rows.size(), 1u);
}

TEST_F(ConfigReaderTest, RevisionsSayWhatTheyChanged) {
  Change change;
  for (int i = 0; i < 150; ++i) {
    const NamespaceConfig config = Ns(fmt::format("ns-{:03}", i));
    change.namespaces.push_back({config.name, config});
  }
  Commit(change, "many");
  Put(Ns("orders"));
  const auto page = Reader().Revisions(0, 2);
  ASSERT_TRUE(page) << page.error().ToString();
  ASSERT_EQ(page->rows.size(), 2u);
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->rows[0].objects, std::vector<std::string>{"namespace/orders"});
  EXPECT_EQ(page->rows[1].revision, 2);
  EXPECT_EQ(page->rows[1].reason, "many");
  EXPECT_EQ(page->rows[1].objects.size(), RevisionEntry::kMaxObjects);
  EXPECT_EQ(page->rows[1].total, 150);
  const auto last = Reader().Revisions(2, 2);
  ASSERT_EQ(last->rows.size(), 1u);
  EXPECT_EQ(last->rows[0].objects, std::vector<std::string>{"backend/memory"});
  EXPECT_FALSE(last->more);
}

TEST_F(ConfigReaderTest, ChangesAreToldOnceAsTheyAreNow) {
  Put(Ns("a"));
  const auto place = Reader().HistoryPlaceOf(2);
  ASSERT_TRUE(place) << place.error().ToString();
  Put(Ns("b", 1));
  Put(Ns("b", 2));
  Delete("a");
  const auto changes = Reader().NamespaceChangesAfter(*place, 10);
  ASSERT_TRUE(changes) << changes.error().ToString();
  ASSERT_EQ(changes->now.size(), 2u);
  EXPECT_EQ(changes->now[0].second->record.config.rate_limit_rps, 2u);
  EXPECT_EQ(changes->now[1].first, "a");
  EXPECT_FALSE(changes->now[1].second.has_value());
  EXPECT_EQ(changes->revision, 5);
  EXPECT_FALSE(changes->more);
  EXPECT_TRUE(Reader().NamespaceChangesAfter(changes->last, 10)->now.empty());
  EXPECT_TRUE(Reader().NamespaceChangesAfter(*place, 2)->more);
}

}  // namespace
}  // namespace prism::namespaces
