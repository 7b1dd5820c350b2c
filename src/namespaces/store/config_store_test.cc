#include "namespaces/store/config_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <thread>

#include "base/testing/temp_directory.h"
#include "namespaces/config_json.h"
#include "namespaces/store/facts.h"
#include "namespaces/store/purges.h"
#include "namespaces/store/testing/test_chain.h"

namespace prism::namespaces {
namespace {

constexpr WallMillis kStart = 1'700'000'000'000;

NamespaceConfig Ns(const std::string& name, std::uint64_t rate = 0,
                   const std::string& backend = "memory") {
  NamespaceConfig config;
  config.name = config.settings.name = name;
  config.backend = backend;
  config.rate_limit_rps = rate;
  return config;
}
BackendConfig Memory(const std::string& name = "memory") {
  return {.name = name, .type = "memory", .connection = "", .username = "", .password = ""};
}

class ConfigStoreTest : public ::testing::Test {
 protected:
  void Open() {
    store_.reset();
    auto opened = ConfigStore::Open({.path = path_}, clock_);
    ASSERT_TRUE(opened) << opened.error().ToString();
    store_ = *std::move(opened);
  }
  // The reason for which it can't be opened.
  std::string Refusal() {
    store_.reset();
    auto opened = ConfigStore::Open({.path = path_}, clock_);
    return opened ? "opened" : std::string(opened.error().reason());
  }
  Result<Revision> Commit(const Change& change, const std::string& who = "ann",
                          const std::string& reason = "") {
    TRY_ASSIGN(const Committed committed, store_->Commit(change, {who, reason}));
    return committed.revision;
  }
  Revision Put(const NamespaceConfig& config, const std::string& who = "ann") {
    auto revision = Commit({.backends = {}, .namespaces = {{config.name, config}}}, who);
    EXPECT_TRUE(revision) << revision.error().ToString();
    return revision.value_or(-1);
  }
  Revision Delete(const std::string& name) {
    auto revision = Commit({.backends = {}, .namespaces = {{name, {}}}});
    EXPECT_TRUE(revision) << revision.error().ToString();
    return revision.value_or(-1);
  }
  void Begin() {
    Open();
    ASSERT_EQ(*Commit({.backends = {{"memory", Memory()}}, .namespaces = {}}), 1);
  }
  StoredConfig Now() { return *store_->Load(); }
  // What a person would ask with sqlite3.
  std::vector<std::string> Query(const std::string& sql) {
    auto rows = sqlite::ReadAndWait(
        store_->database(), [&sql](sqlite::Connection& db) -> Result<std::vector<std::string>> {
          TRY_ASSIGN(sqlite::Statement select, db.Prepare(sql));
          std::vector<std::string> found;
          for (;;) {
            TRY_ASSIGN(const bool more, select.Step());
            if (!more) return found;
            found.emplace_back(select.TextAt(0));
          }
        });
    EXPECT_TRUE(rows) << rows.error().ToString();
    return rows ? *rows : std::vector<std::string>();
  }
  // Behind the store's back.
  Status Tamper(const std::string& sql) {
    return sqlite::WriteAndWait(store_->database(),
                                [&sql](sqlite::Connection& db) { return db.Execute(sql); });
  }

  base::testing::TempDirectory directory_;
  const std::string path_ = directory_.File("config.db");
  ManualClock clock_{kStart};
  std::unique_ptr<ConfigStore> store_;
};

TEST_F(ConfigStoreTest, BeginsWithNothing) {
  Open();
  EXPECT_EQ(Now().revision, 0);
  EXPECT_TRUE(Now().snapshot->namespaces.empty());
  EXPECT_TRUE(store_->VerifyHistory());
}

TEST_F(ConfigStoreTest, KeepsWhatWasCommitted) {
  Begin();
  NamespaceConfig orders = Ns("orders", 500);
  orders.tags = {"production"};
  orders.features = {{"beta", true}};
  orders.owner = "team-a";
  EXPECT_EQ(Put(orders), 2);
  EXPECT_EQ(Put(Ns("a")), 3);
  Open();
  EXPECT_EQ(Now().revision, 3);
  ASSERT_EQ(Now().snapshot->namespaces.size(), 2u);
  EXPECT_EQ(*Now().snapshot->FindNamespace("orders"), orders);
  EXPECT_EQ(*Now().snapshot->FindBackend("memory"), Memory());
}

TEST_F(ConfigStoreTest, AChangeThatChangesNothingIsNone) {
  Begin();
  EXPECT_EQ(Put(Ns("orders")), 2);
  EXPECT_EQ(Put(Ns("orders")), 2);
  const auto h = store_->HistoryOf("orders");
  ASSERT_TRUE(h) << h.error().ToString();
  EXPECT_EQ(h->size(), 1u);
}

TEST_F(ConfigStoreTest, AChangeIsMadeAsAWholeOrNotAtAll) {
  Begin();
  const auto refused =
      Commit({.backends = {}, .namespaces = {{"a", Ns("a")}, {"b", Ns("b", 0, "nowhere")}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "BACKEND_NOT_FOUND");
  EXPECT_EQ(Now().revision, 1);
  EXPECT_TRUE(Now().snapshot->namespaces.empty());
  EXPECT_TRUE(store_->HistoryOf("a")->empty());
  EXPECT_EQ(Commit({.backends = {}, .namespaces = {{"a", {}}}}).error().reason(),
            "NAMESPACE_NOT_FOUND");
}

TEST_F(ConfigStoreTest, WhoHasReadAnEarlierRevisionIsTold) {
  Begin();
  EXPECT_EQ(Put(Ns("orders", 1)), 2);
  EXPECT_EQ(Put(Ns("orders", 2)), 3);
  const auto stale =
      Commit({.backends = {},
              .namespaces = {
                  {"orders", Ns("orders", 3), 2}, {"new", Ns("new"), 0}, {"gone", Ns("gone"), 1}}});
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code(), Code::kAborted);
  EXPECT_EQ(stale.error().reason(), "REVISION_MISMATCH");
  ASSERT_EQ(stale.error().fields().size(), 2u);
  EXPECT_EQ(stale.error().fields()[0].field, "namespaces.orders");
  EXPECT_EQ(stale.error().fields()[1].field, "namespaces.gone");
  EXPECT_EQ(*Commit({.backends = {}, .namespaces = {{"orders", Ns("orders", 3), 3}}}), 4);
  EXPECT_EQ(Commit({.backends = {}, .namespaces = {{"orders", Ns("orders"), 0}}}).error().reason(),
            "REVISION_MISMATCH");
}

TEST_F(ConfigStoreTest, ManyAtOnceLoseNothingAndWinOnce) {
  Begin();
  EXPECT_EQ(Put(Ns("orders", 1)), 2);
  constexpr int kThreads = 200;
  std::atomic<int> won = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        const auto rows = store_->HistoryOf("orders");
        ASSERT_TRUE(rows) << rows.error().ToString();
        const Revision seen = rows->back().revision;
        const auto rate = std::uint64_t{100} * static_cast<std::uint64_t>(i + 1) +
                          static_cast<std::uint64_t>(round);
        const auto done =
            Commit({.backends = {}, .namespaces = {{"orders", Ns("orders", rate), seen}}});
        if (done) ++won;
        if (!done) EXPECT_EQ(done.error().reason(), "REVISION_MISMATCH");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Now().revision, 2 + won);
  EXPECT_EQ(store_->HistoryOf("orders")->size(), static_cast<std::size_t>(1 + won));
  EXPECT_TRUE(store_->VerifyHistory());
}

// --- for people with sqlite3
// ----------------------------------------------------------------------

TEST_F(ConfigStoreTest, AnswersWhoChangedARateLimitLastWeekAndWhatItWasBefore) {
  Begin();
  Put(Ns("orders", 100));
  clock_.Advance(10LL * 24 * 3600 * 1000);
  Put(Ns("orders", 500), "bob");
  NamespaceConfig tagged = Ns("orders", 500);
  tagged.tags = {"new"};
  Put(tagged, "eve");
  const std::string sql = fmt::format(
      "SELECT changed_by || ' ' || json_extract(old_config, '$.rate_limit_rps') || ' ' || "
      "json_extract(new_config, '$.rate_limit_rps') FROM namespace_history WHERE name = 'orders' "
      "AND changed_at > {} AND json_extract(old_config, '$.rate_limit_rps') IS NOT "
      "json_extract(new_config, '$.rate_limit_rps')",
      kStart / 1000 + 7 * 24 * 3600);
  EXPECT_EQ(Query(sql), std::vector<std::string>{"bob 100 500"});
}

TEST_F(ConfigStoreTest, HasTheColumnsOfTheRecord) {
  Begin();
  NamespaceConfig config = Ns("orders", 500);
  config.status = NamespaceStatus::kDisabled;
  config.cache_ttl_seconds = 60;
  config.tags = {"production", "high-traffic"};
  config.features = {{"beta", true}, {"old", false}};
  Put(config);
  EXPECT_EQ(Query("SELECT name || backend || pattern || status || consistency || "
                  "cache_ttl_seconds || rate_limit_rps || created_by || typeof(created_at) || "
                  "updated_at FROM namespaces"),
            std::vector<std::string>{"ordersmemorydisabledstrong60500anninteger1700000000"});
  EXPECT_EQ(Query("SELECT name FROM namespaces, json_each(tags) AS t WHERE t.value = 'production'"),
            std::vector<std::string>{"orders"});
  EXPECT_EQ(Query("SELECT feature_name FROM namespace_features WHERE enabled"),
            std::vector<std::string>{"beta"});
  EXPECT_EQ(Query("SELECT part || ' ' || version FROM schema_migrations"),
            std::vector<std::string>{"config_store 3"});
}

TEST_F(ConfigStoreTest, WhatIsDeclaredIsInColumnsThatCompare) {
  Begin();
  ASSERT_EQ(*Commit({.backends = {{"other", Memory("other")}}, .namespaces = {}}), 2);
  NamespaceConfig orders = Ns("orders");
  orders.needs.latency_p99_ms = 9;
  orders.needs.durability = contract::Durability::kFsynced;
  orders.needs.data_size = std::uint64_t{1} << 40;
  orders.needs.retention = std::chrono::hours(24);
  orders.needs.ordered = true;
  Put(orders);
  NamespaceConfig carts = Ns("carts");
  carts.shadow.emplace();
  carts.shadow->backend = "other";
  Put(carts);
  Put(Ns("plain"));
  EXPECT_EQ(Query("SELECT needs FROM namespaces WHERE json_extract(needs, '$.latency_p99_ms') < 10 "
                  "AND shadow IS NULL"),
            std::vector<std::string>{R"({"data_size":1099511627776,"durability":"fsynced",)"
                                     R"("latency_p99_ms":9,"ordered":true,"retention":86400000})"});
  EXPECT_EQ(Query("SELECT shadow FROM namespaces WHERE needs IS NULL AND shadow IS NOT NULL"),
            std::vector<std::string>{R"({"backend":"other","keep_differences":1000,"reads":true,)"
                                     R"("sample_percent":100,"writes":true})"});
  EXPECT_EQ(Query("SELECT name FROM namespaces WHERE needs IS NULL AND shadow IS NULL"),
            std::vector<std::string>{"plain"});
  EXPECT_EQ(*Now().snapshot->FindNamespace("orders"), orders);
  EXPECT_EQ(*Now().snapshot->FindNamespace("carts"), carts);
  // Values that came, went, or changed places.
  for (const char* sql :
       {"UPDATE namespaces SET needs = '{}' WHERE name = 'plain'",
        "UPDATE namespaces SET shadow = '{}' WHERE name = 'plain'",
        "UPDATE namespaces SET needs = NULL WHERE name = 'orders'",
        "UPDATE namespaces SET shadow = NULL WHERE name = 'carts'",
        "UPDATE namespaces SET shadow = needs, needs = NULL WHERE name = 'orders'",
        "UPDATE namespaces SET needs = shadow, shadow = NULL WHERE name = 'carts'",
        "UPDATE namespaces SET needs = needs || ' ' WHERE name = 'orders'"}) {
    ASSERT_TRUE(Tamper("CREATE TABLE kept AS SELECT name, needs, shadow FROM namespaces"));
    ASSERT_TRUE(Tamper(sql)) << sql;
    const auto loaded = store_->Load();
    ASSERT_FALSE(loaded) << sql;
    EXPECT_EQ(loaded.error().reason(), "CONFIG_STORE_DAMAGED") << sql;
    ASSERT_TRUE(
        Tamper("UPDATE namespaces SET (needs, shadow) = (SELECT needs, shadow FROM kept "
               "WHERE kept.name = namespaces.name); DROP TABLE kept"));
    ASSERT_TRUE(store_->Load()) << sql;
  }
}

TEST_F(ConfigStoreTest, HistoryTellsWhoWhenAndWhy) {
  Begin();
  ASSERT_TRUE(Commit({.backends = {}, .namespaces = {{"orders", Ns("orders")}}}, "ann", "a test"));
  Delete("orders");
  const auto history = *store_->HistoryOf("orders");
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].operation, "create");
  EXPECT_EQ(history[0].changed_by, "ann");
  EXPECT_EQ(history[0].reason, "a test");
  EXPECT_EQ(history[0].changed_at, kStart / 1000);
  EXPECT_EQ(history[0].old_config, std::nullopt);
  EXPECT_EQ(history[1].operation, "delete");
  EXPECT_EQ(history[1].old_config, history[0].new_config);
  EXPECT_EQ(history[1].new_config, std::nullopt);
}

// --- rollback
// -------------------------------------------------------------------------------------

TEST(ChangeTest, MakesOneSnapshotOfAnother) {
  Snapshot from;
  from.backends = {Memory("m")};
  from.namespaces = {Ns("b", 1), Ns("d", 1), Ns("f", 1)};
  const Change change = {.backends = {{"n", Memory("n")}},
                         .namespaces = {{"g", Ns("g", 2)},
                                        {"d", {}},
                                        {"f", {}},
                                        {"f", Ns("f", 3)},
                                        {"a", Ns("a", 2)},
                                        {"nobody", {}}}};
  const Snapshot to = Changed(from, change);
  EXPECT_EQ(to.backends, (std::vector{Memory("m"), Memory("n")}));
  EXPECT_EQ(to.namespaces, (std::vector{Ns("a", 2), Ns("b", 1), Ns("f", 3), Ns("g", 2)}));
  EXPECT_EQ(Changed(from, Difference(from, to)).namespaces, to.namespaces);
  EXPECT_TRUE(Difference(to, Changed(from, change)).empty());
}

TEST_F(ConfigStoreTest, GoesBackToAnyRevisionAsANewOne) {
  Begin();
  std::vector<StoredConfig> revisions = {{}, Now()};
  Put(Ns("a", 1));
  revisions.push_back(Now());
  Put(Ns("b", 1));
  revisions.push_back(Now());
  Put(Ns("a", 2));
  revisions.push_back(Now());
  Delete("b");
  revisions.push_back(Now());
  ASSERT_TRUE(Commit(
      {.backends = {{"other", Memory("other")}}, .namespaces = {{"b", Ns("b", 3, "other")}}}));
  revisions.push_back(Now());
  const auto newest = static_cast<Revision>(revisions.size()) - 1;
  for (Revision to = 1; to <= newest; ++to) {
    const StoredConfig& then = revisions[static_cast<std::size_t>(to)];
    EXPECT_EQ(store_->LoadAt(to)->snapshot->namespaces, then.snapshot->namespaces) << to;
    const Revision before = Now().revision;
    ASSERT_TRUE(Commit(*store_->PlanRollBack(to)));
    EXPECT_EQ(Now().snapshot->namespaces, then.snapshot->namespaces) << to;
    EXPECT_EQ(Now().snapshot->backends, then.snapshot->backends) << to;
    EXPECT_GE(Now().revision, before);
  }
  EXPECT_EQ(store_->PlanRollBack(99).error().reason(), "REVISION_UNKNOWN");
  EXPECT_EQ(store_->PlanRollBack(0).error().reason(), "REVISION_UNKNOWN");
  EXPECT_TRUE(store_->VerifyHistory());
}

TEST_F(ConfigStoreTest, WhatWasDeletedComesBackUnderItsOldId) {
  Begin();
  const Revision made = Put(Ns("orders", 1));
  const auto id = Query("SELECT id FROM namespaces WHERE name = 'orders'");
  Delete("orders");
  Put(Ns("orders", 2));
  EXPECT_NE(Query("SELECT id FROM namespaces WHERE name = 'orders'"), id);
  ASSERT_TRUE(Commit(*store_->PlanRollBack(made)));
  EXPECT_EQ(Query("SELECT id FROM namespaces WHERE name = 'orders'"), id);
  EXPECT_EQ(store_->HistoryOf("orders")->back().operation, "restore");
  EXPECT_EQ(Now().snapshot->FindNamespace("orders")->rate_limit_rps, 1u);
}

TEST_F(ConfigStoreTest, TellsTheFactsThatItStores) {
  Begin();
  FactsTable facts = *Now().facts;
  const auto follow = [&](const Change& change) {
    clock_.Advance(1000);
    const auto committed = store_->Commit(change, {"bob", ""});
    ASSERT_TRUE(committed) << committed.error().ToString();
    facts = facts.With(committed->facts);
    EXPECT_TRUE(facts == *Now().facts) << committed->revision;
  };
  follow({.backends = {}, .namespaces = {{"b", Ns("b")}, {"a", Ns("a")}}});
  EXPECT_EQ(facts.Find("b")->created_by, "bob");
  const Revision made = Now().revision;
  follow({.backends = {}, .namespaces = {{"a", Ns("a")}, {"b", Ns("b", 7)}}});
  EXPECT_EQ(facts.Find("a")->revision, made);
  EXPECT_EQ(facts.Find("b")->revision, made + 1);
  follow({.backends = {}, .namespaces = {{"a", {}}}});
  EXPECT_EQ(facts.Find("a"), nullptr);
  follow({.backends = {}, .namespaces = {{"a", Ns("a")}}});
  follow(*store_->PlanRollBack(made));
}

TEST_F(ConfigStoreTest, OneNamespaceGoesBackWithTheBackendsThatItNeeds) {
  Begin();
  ASSERT_TRUE(Commit(
      {.backends = {{"other", Memory("other")}}, .namespaces = {{"a", Ns("a", 1, "other")}}}));
  const Revision made = Put(Ns("b", 1));
  Put(Ns("b", 2));
  ASSERT_TRUE(Commit({.backends = {{"other", {}}}, .namespaces = {{"a", {}}}}));
  const auto b = *Now().snapshot->FindNamespace("b");

  ASSERT_TRUE(Commit(*store_->PlanRollBack(made, "a")));
  EXPECT_EQ(Now().snapshot->FindNamespace("a")->rate_limit_rps, 1u);
  EXPECT_NE(Now().snapshot->FindBackend("other"), nullptr);
  EXPECT_EQ(*Now().snapshot->FindNamespace("b"), b);

  ASSERT_TRUE(Commit(*store_->PlanRollBack(1, "a")));
  EXPECT_EQ(Now().snapshot->FindNamespace("a"), nullptr);
  EXPECT_TRUE(store_->PlanRollBack(1, "a")->empty());
  EXPECT_TRUE(store_->VerifyHistory());
}

// --- what must be noticed
// -------------------------------------------------------------------------

// Between two starts the system's clock may be set back; the order is that of the revisions.
TEST_F(ConfigStoreTest, DataThatIsToGoIsKnownUntilItIsGone) {
  Begin();
  Put(Ns("orders"));
  Put(Ns("carts"));
  const Change gone = {.backends = {}, .namespaces = {{.name = "orders", .to = {}, .purge = true}}};
  // With the change, or not at all.
  EXPECT_FALSE(store_->Commit(gone, {"ann", ""}, [](sqlite::Connection&, Revision) -> Status {
    return std::unexpected(Error(Code::kInternal, "BROKEN", "no"));
  }));
  const auto pending = [this] {
    return sqlite::ReadAndWait(store_->database(), ListPurges).value();
  };
  EXPECT_TRUE(pending().empty());
  ASSERT_EQ(*Commit(gone), 4);
  Delete("carts");  // whose data stays
  Open();
  ASSERT_EQ(pending().size(), 1u);
  const Purge purge = pending().front();
  EXPECT_EQ(purge.ns, "orders");
  EXPECT_EQ(purge.backend, "memory");
  EXPECT_EQ(purge.requested_at, kStart / 1000);
  EXPECT_EQ(purge.requested_by, "ann");
  EXPECT_EQ(purge.revision, 4);
  EXPECT_EQ(store_->HistoryOf("orders")->back().operation, "purge");
  EXPECT_EQ(store_->HistoryOf("carts")->back().operation, "delete");
  EXPECT_TRUE(store_->VerifyHistory());
  ASSERT_TRUE(sqlite::WriteAndWait(store_->database(), [&purge](sqlite::Connection& connection) {
    return EndPurge(connection, purge);
  }));
  EXPECT_TRUE(pending().empty());
}

TEST_F(ConfigStoreTest, EachBackendOfANamespaceLosesItsData) {
  Open();
  ASSERT_TRUE(
      Commit({.backends = {{"memory", Memory()}, {"other", Memory("other")}}, .namespaces = {}}));
  NamespaceConfig config = Ns("orders");
  config.patterns = {{.type = "outbox",
                      .slots = {{.name = "a", .backend = "other", .interface = {}},
                                {.name = "b", .backend = "memory", .interface = {}}},
                      .config = {}}};
  Put(config);
  ASSERT_TRUE(
      Commit({.backends = {}, .namespaces = {{.name = "orders", .to = {}, .purge = true}}}));
  EXPECT_EQ(Query("SELECT backend FROM purges ORDER BY backend"),
            (std::vector<std::string>{"memory", "other"}));
}

TEST_F(ConfigStoreTest, AClockThatWasSetBackLeavesTheOrder) {
  Begin();
  Put(Ns("a", 1));
  clock_.Advance(-86'400'000);
  Open();
  EXPECT_EQ(Put(Ns("a", 2)), 3);
  EXPECT_EQ(Put(Ns("a", 3)), 4);
  Open();
  const auto history = *store_->HistoryOf("a");
  ASSERT_EQ(history.size(), 3u);
  EXPECT_GT(history[0].changed_at, history[1].changed_at);
  for (std::size_t i = 0; i < history.size(); ++i) {
    EXPECT_EQ(history[i].revision, static_cast<Revision>(i + 2));
    EXPECT_EQ(NamespaceFromJson(*history[i].new_config)->rate_limit_rps, i + 1);
  }
  EXPECT_TRUE(store_->VerifyHistory());
  EXPECT_EQ(Now().snapshot->FindNamespace("a")->rate_limit_rps, 3u);
  EXPECT_EQ(store_->LoadAt(3)->snapshot->FindNamespace("a")->rate_limit_rps, 2u);
}

TEST_F(ConfigStoreTest, HistoryCantBeChanged) {
  Begin();
  Put(Ns("orders"));
  for (const char* sql : {"UPDATE namespace_history SET changed_by = 'eve'",
                          "DELETE FROM namespace_history", "DELETE FROM backend_history"}) {
    EXPECT_FALSE(Tamper(sql)) << sql;
  }
}

constexpr const char* kCopyOfARow = R"(
  INSERT INTO namespace_history
  SELECT 7, namespace_id, operation, changed_at, changed_by, old_config, new_config, name, revision,
    reason, previous_hash, hash FROM namespace_history WHERE id = 3)";

TEST_F(ConfigStoreTest, ForgedHistoriesAreFound) {
  for (const char* sql :
       {"UPDATE namespace_history SET changed_by = 'eve' WHERE id = 2",
        "DELETE FROM namespace_history WHERE id = 2", "DELETE FROM namespace_history WHERE id = 3",
        "UPDATE namespace_history SET id = 9 WHERE id = 2", kCopyOfARow,
        "UPDATE backend_history SET reason = 'none' WHERE id = 1"}) {
    std::filesystem::remove(path_);
    std::filesystem::remove(path_ + "-wal");
    std::filesystem::remove(path_ + "-shm");
    std::filesystem::remove(path_ + ".revision");
    Begin();
    for (int i = 1; i <= 3; ++i) Put(Ns("orders", static_cast<std::uint64_t>(i)));
    ASSERT_TRUE(store_->VerifyHistory());
    ASSERT_TRUE(Tamper(std::string("DROP TRIGGER namespace_history_is_kept; DROP TRIGGER "
                                   "namespace_history_is_final; DROP TRIGGER "
                                   "backend_history_is_final;") +
                       sql))
        << sql;
    const Status verified = store_->VerifyHistory();
    ASSERT_FALSE(verified) << sql;
    EXPECT_EQ(verified.error().reason(), "HISTORY_BROKEN") << sql;
  }
}

TEST_F(ConfigStoreTest, RowsThatGoOrComeByThemselvesAreFound) {
  for (const char* sql :
       {"DELETE FROM namespaces", "DELETE FROM namespaces WHERE name = 'orders'",
        "DELETE FROM backends; DELETE FROM namespaces",
        "DELETE FROM namespaces; INSERT INTO namespaces SELECT * FROM kept_namespaces"}) {
    TearDown();
    std::filesystem::remove_all(directory_.path());
    std::filesystem::create_directory(directory_.path());
    Begin();
    Put(Ns("orders", 1));
    ASSERT_TRUE(Tamper("CREATE TABLE kept_namespaces AS SELECT * FROM namespaces"));
    Put(Ns("orders", 2));
    Put(Ns("carts", 1));
    ASSERT_TRUE(store_->VerifyHistory());
    ASSERT_TRUE(Tamper(sql)) << sql;
    EXPECT_EQ(store_->VerifyHistory().error().reason(), "CONFIG_STORE_DAMAGED") << sql;
    store_.reset();
    const auto opened = ConfigStore::Open({.path = path_}, clock_);
    ASSERT_FALSE(opened) << sql;
    EXPECT_EQ(opened.error().reason(), "CONFIG_STORE_DAMAGED") << sql;
  }
}

TEST_F(ConfigStoreTest, ChangedRowsAreNotBelieved) {
  Begin();
  NamespaceConfig config = Ns("orders", 5);
  config.features = {{"beta", true}};
  Put(config);
  struct Case {
    const char* sql;
    const char* undo;
  };
  for (const auto& [sql, undo] :
       {Case{"UPDATE namespaces SET rate_limit_rps = 6",
             "UPDATE namespaces SET rate_limit_rps = 5"},
        Case{"UPDATE namespaces SET settings = replace(settings, 'orders', 'orderz')",
             "UPDATE namespaces SET settings = replace(settings, 'orderz', 'orders')"},
        Case{"UPDATE backends SET type = 'redis'", "UPDATE backends SET type = 'memory'"},
        Case{"UPDATE namespace_features SET enabled = 0",
             "UPDATE namespace_features SET enabled = 1"},
        Case{"UPDATE config_store SET revision = 1", "UPDATE config_store SET revision = 2"}}) {
    ASSERT_TRUE(Tamper(sql)) << sql;
    const auto loaded = store_->Load();
    ASSERT_FALSE(loaded) << sql;
    EXPECT_EQ(loaded.error().reason(), "CONFIG_STORE_DAMAGED") << sql;
    ASSERT_TRUE(Tamper(undo));
    ASSERT_TRUE(store_->Load()) << undo;
  }
}

TEST_F(ConfigStoreTest, AnUpgradeIsBackedUpBefore) {
  Begin();
  Put(Ns("orders", 1));
  store_.reset();
  static constexpr std::array<std::string_view, 1> kSteps = {"CREATE TABLE later(id INTEGER)"};
  const ConfigStoreOptions later = {.path = path_, .more_parts = {{"later", kSteps}}};
  const std::string backup = path_ + ".before-upgrade-20231114T221320Z";
  for (int start = 0; start < 2; ++start) {
    auto upgraded = ConfigStore::Open(later, clock_);
    ASSERT_TRUE(upgraded) << upgraded.error().ToString();
    EXPECT_EQ((*upgraded)->Load()->snapshot->namespaces.size(), 1u);
    ASSERT_TRUE(std::filesystem::exists(backup));
  }
  auto before = ConfigStore::Open({.path = backup}, clock_);
  ASSERT_TRUE(before);
  EXPECT_EQ((*before)->Load()->revision, 2);
  // Who has gone forward does not go back.
  static constexpr std::array<std::string_view, 2> kMore = {kSteps[0],
                                                            "CREATE TABLE b(id INTEGER)"};
  clock_.Advance(1000);
  ASSERT_TRUE(ConfigStore::Open({.path = path_, .more_parts = {{"later", kMore}}}, clock_));
  const auto older = ConfigStore::Open(later, clock_);
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().reason(), "FILE_TOO_NEW");
}

TEST_F(ConfigStoreTest, AnOldCopyIsRefused) {
  Begin();
  Put(Ns("orders", 1));
  ASSERT_TRUE(store_->database().Backup(directory_.File("old.db")));
  Put(Ns("orders", 2));
  store_.reset();
  std::filesystem::remove(path_ + "-wal");
  std::filesystem::rename(directory_.File("old.db"), path_);
  EXPECT_EQ(Refusal(), "CONFIG_STORE_BEHIND");
}

TEST_F(ConfigStoreTest, AStoreThatIsGoneIsNotANewOne) {
  Begin();
  store_.reset();
  std::filesystem::remove(path_);
  std::filesystem::remove(path_ + "-wal");
  EXPECT_EQ(Refusal(), "CONFIG_STORE_MISSING");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ConfigStoreTest, AnotherStoreIsNotThisOne) {
  Begin();
  store_.reset();
  std::filesystem::remove(path_ + ".revision");
  Open();
  Put(Ns("orders"));
  store_.reset();
  std::filesystem::copy_file(path_ + ".revision", directory_.File("kept"));
  for (const char* end : {"", "-wal", "-shm", ".revision"}) std::filesystem::remove(path_ + end);
  Begin();
  Put(Ns("orders"));
  store_.reset();
  std::filesystem::rename(directory_.File("kept"), path_ + ".revision");
  EXPECT_EQ(Refusal(), "CONFIG_STORE_BEHIND");
}

// With rows of others in the same file, a row for each change.
class ChainTest : public ConfigStoreTest {
 protected:
  void OpenWithChain() {
    store_.reset();
    auto opened = ConfigStore::Open(testing::WithTestChain(path_), clock_);
    ASSERT_TRUE(opened) << opened.error().ToString();
    store_ = *std::move(opened);
  }
  std::string RefusalWithChain() {
    store_.reset();
    auto opened = ConfigStore::Open(testing::WithTestChain(path_), clock_);
    return opened ? "opened" : std::string(opened.error().reason());
  }
  Result<Revision> Record(std::uint64_t rate, const ConfigStore::Also& also) {
    TRY_ASSIGN(const Committed committed,
               store_->Commit({.backends = {{"memory", Memory()}},
                               .namespaces = {{"orders", Ns("orders", rate)}}},
                              {"ann", ""}, also));
    return committed.revision;
  }
  void RecordThree() {
    OpenWithChain();
    for (const std::uint64_t rate : {1, 2, 3}) {
      ASSERT_TRUE(Record(rate, testing::AppendToTestChain));
    }
  }
  Status AppendAlone() {
    return sqlite::WriteAndWait(store_->database(), [](sqlite::Connection& db) {
      return testing::AppendToTestChain(db, 0);
    });
  }
};

TEST_F(ChainTest, WhatJoinsAChangeIsThereWithItOrNeither) {
  OpenWithChain();
  std::vector<Revision> told;
  ASSERT_TRUE(Record(1, [&](sqlite::Connection& db, Revision revision) {
    told.push_back(revision);
    return testing::AppendToTestChain(db, revision);
  }));
  const auto refused = Record(2, [](sqlite::Connection& db, Revision revision) -> Status {
    TRY(testing::AppendToTestChain(db, revision));
    return std::unexpected(Error(Code::kAborted, "NO", "no"));
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), "NO");
  EXPECT_EQ(Now().snapshot->FindNamespace("orders")->rate_limit_rps, 1u);
  EXPECT_EQ(Query("SELECT revision FROM test_chain"), std::vector<std::string>{"1"});
  // Nothing changes, so there is nothing to tell.
  ASSERT_EQ(*Record(1,
                    [&](sqlite::Connection&, Revision revision) -> Status {
                      told.push_back(revision);
                      return {};
                    }),
            1);
  EXPECT_EQ(told, std::vector<Revision>{1});
}

TEST_F(ChainTest, NewestRowsThatAreGoneAreMissed) {
  RecordThree();
  EXPECT_EQ((*store_->MarkedChain())->id, 3);
  EXPECT_EQ(RefusalWithChain(), "opened");
  OpenWithChain();
  ASSERT_TRUE(Tamper("DELETE FROM test_chain WHERE id = 3"));
  EXPECT_EQ(RefusalWithChain(), "CONFIG_STORE_BEHIND");
}

TEST_F(ChainTest, RowsWithoutAChangeOfTheConfigurationCountToo) {
  OpenWithChain();
  ASSERT_TRUE(AppendAlone());
  ASSERT_TRUE(AppendAlone());
  EXPECT_EQ((*store_->MarkedChain())->id, 2);
  EXPECT_EQ(RefusalWithChain(), "opened");
  OpenWithChain();
  ASSERT_TRUE(Tamper("DELETE FROM test_chain WHERE id = 2"));
  EXPECT_EQ(RefusalWithChain(), "CONFIG_STORE_BEHIND");
}

TEST_F(ChainTest, ARowThatFollowsDoesNotHideOneThatIsGone) {
  RecordThree();
  const auto marked = *store_->MarkedChain();
  ASSERT_TRUE(Tamper("DELETE FROM test_chain WHERE id = 3"));
  ASSERT_TRUE(Record(4, testing::AppendToTestChain));
  ASSERT_TRUE(Record(5, testing::AppendToTestChain));
  EXPECT_EQ(*store_->MarkedChain(), marked);
  EXPECT_EQ(RefusalWithChain(), "CONFIG_STORE_DAMAGED");
}

TEST_F(ChainTest, AMarkThatAnEarlierVersionWroteIsTakenAndMended) {
  RecordThree();
  store_.reset();
  const std::string path = path_ + ".revision";
  HighWater old = **HighWaterFile::Open(path)->Read();
  old.chain.reset();
  std::filesystem::remove(path);
  ASSERT_TRUE(HighWaterFile::Open(path)->Write(old));
  OpenWithChain();
  EXPECT_EQ((*store_->MarkedChain())->id, 3);
}

TEST_F(ChainTest, WhoDoesNotKnowTheChainDoesNotForgetIt) {
  RecordThree();
  Open();
  Put(Ns("users"));
  EXPECT_EQ((*store_->MarkedChain())->id, 3);
  OpenWithChain();
  ASSERT_TRUE(Tamper("DELETE FROM test_chain WHERE id = 3"));
  EXPECT_EQ(RefusalWithChain(), "CONFIG_STORE_BEHIND");
}

}  // namespace
}  // namespace prism::namespaces
