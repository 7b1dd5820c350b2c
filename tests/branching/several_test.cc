// Sources beside that of the configuration: added, followed, logged in to, removed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "tests/branching/branches_fixture.h"

namespace prism::branching {
namespace {

using prism::testing::PostgresServer;
using testing::AppendText;
using testing::Ask;
using testing::AwaitTrue;
using testing::BranchesTest;
using testing::Connection;
using ::testing::HasSubstr;
using testing::House;

constexpr const char* kFromShop = "-c prism.from=shop";

// `things` with 100 rows and the role `ann` in the source of the configuration, `orders` with 7
// rows and the role `clerk` in the shop.
class SourcesTest : public BranchesTest {
 protected:
  static void SetUpTestSuite() {
    BranchesTest::SetUpTestSuite();
    postgres->Start();
    Tell(*postgres, "CREATE ROLE ann LOGIN PASSWORD 'hers'");
    postgres->Stop();
    other = std::make_unique<PostgresServer>();
    Tell(*other, "CREATE TABLE orders AS SELECT generate_series(1, 7) AS id");
    Tell(*other, "CREATE ROLE clerk LOGIN PASSWORD 'till'");
    Tell(*other, "GRANT SELECT ON orders TO clerk");
    other->Stop();
  }
  static void TearDownTestSuite() {
    other.reset();
    BranchesTest::TearDownTestSuite();
  }
  static void Tell(const PostgresServer& server, const std::string& statement) {
    const Connection admin(PQconnectdb(server.conninfo().c_str()));
    Ask(admin, statement);
  }

  static AddedSource Shop() {
    return {.name = "shop", .kind = "template", .path = other->data_directory()};
  }
  void Add(const AddedSource& added) {
    const auto done = house_->AddSource(added);
    ASSERT_TRUE(done) << done.error().ToString();
  }
  std::string AddError(const std::string& name) {
    AddedSource added = Shop();
    added.name = name;
    const auto done = house_->AddSource(added);
    return done ? "fine" : std::string(done.error().reason());
  }
  std::string RemoveError(const std::string& name, bool force = false) {
    const auto done = house_->RemoveSource(name, force);
    return done ? "fine" : std::string(done.error().reason());
  }
  std::string Orders(const std::string& branch, const std::string& options = kFromShop) {
    return house_->AskIn(branch, "SELECT count(*) FROM orders", options);
  }
  bool MayLogIn(const std::string& user, const std::string& password, const std::string& branch,
                const std::string& options = "") {
    return PQstatus(house_->Connect(branch, password, options, user).get()) == CONNECTION_OK;
  }
  SourceStatus StatusOf(const std::string& name) {
    for (SourceStatus& status : house_->manager().ListSources()) {
      if (status.source.name == name) return std::move(status);
    }
    return {};
  }
  std::size_t Volumes() { return house_->storage().List()->size(); }

  static inline std::unique_ptr<PostgresServer> other;
};

TEST_F(SourcesTest, ABranchIsOfTheSourceThatItNames) {
  Open();
  Add(Shop());
  EXPECT_EQ(Orders("till"), "7");
  EXPECT_EQ(house_->AskIn("till", "SHOW prism.parent"), "shop");
  EXPECT_EQ(house_->AskIn("plain", "SELECT count(*) FROM things"), "100");
  EXPECT_EQ(house_->AskIn("till", "DELETE FROM orders WHERE id > 5"), "DELETE 2");
  const auto child = house_->Create("child", "till");
  ASSERT_TRUE(child) << child.error().ToString();
  EXPECT_EQ(child->branch.source, "shop");
  EXPECT_EQ(Orders("child", ""), "5");
  ASSERT_TRUE(house_->Reset("till", true));
  EXPECT_EQ(Orders("till", ""), "7");
  const std::string now = telemetry::FormatTime(SystemClock().Now());
  EXPECT_EQ(house_->Create("at", "shop@" + now)->branch.parent, "shop");
  EXPECT_EQ(house_->Create("plain-at", now)->branch.parent, "source");
  EXPECT_EQ(house_->Create("old", "shop@2001-01-01T00:00:00Z").error().reason(),
            "TIME_BEFORE_OLDEST");
  EXPECT_EQ(house_->Create("none", "shop@snapshot").error().reason(), "PARENT_NOT_FOUND");
}

TEST_F(SourcesTest, LoginsAreCheckedAgainstTheSourceOfTheBranch) {
  Open();
  Add(Shop());
  EXPECT_TRUE(MayLogIn("clerk", "till", "new", kFromShop));
  EXPECT_TRUE(MayLogIn("clerk", "till", "new"));
  EXPECT_TRUE(MayLogIn("clerk", "till", "child", "-c prism.from=new"));
  EXPECT_FALSE(MayLogIn("clerk", "till", "other"));
  EXPECT_FALSE(MayLogIn("clerk", "till", "other", "-c prism.from=source"));
  EXPECT_FALSE(MayLogIn("clerk", "till", "other", "-c prism.from=nobody"));
  EXPECT_FALSE(MayLogIn("ann", "hers", "new"));
  EXPECT_FALSE(MayLogIn("ann", "hers", "other", kFromShop));
  EXPECT_EQ(house_->manager().List().size(), 2u);
  EXPECT_TRUE(MayLogIn("ann", "hers", "hers"));
  // What is asked for does not make a branch one of another source.
  EXPECT_TRUE(MayLogIn("ann", "hers", "hers", kFromShop));
  EXPECT_FALSE(MayLogIn("clerk", "till", "hers", kFromShop));
}

TEST_F(SourcesTest, WhoHasLoggedInByARoleOfOneSourceIsInNoBranchOfAnother) {
  Open();
  Add(Shop());
  ASSERT_EQ(Orders("till"), "7");
  const auto enter = [this](const std::string& name, const std::optional<std::string>& from,
                            const std::string& source) {
    const auto made = house_->Enter(name, from, source);
    return made ? "fine" : std::string(made.error().reason());
  };
  EXPECT_EQ(enter("till", {}, "source"), "BRANCH_NOT_READY");
  EXPECT_EQ(enter("fresh", "shop", "source"), "BRANCH_NOT_READY");
  EXPECT_EQ(enter("fresh", {}, "shop"), "BRANCH_NOT_READY");
  EXPECT_EQ(house_->manager().List().size(), 1u);
  EXPECT_EQ(enter("till", {}, "shop"), "fine");
}

TEST_F(SourcesTest, NamesOfSourcesAndBranchesAreOneSpace) {
  Open();
  ASSERT_TRUE(house_->Create("mine"));
  EXPECT_EQ(AddError("mine"), "BRANCH_EXISTS");
  EXPECT_EQ(AddError("source"), "RESERVED_BRANCH_NAME");
  EXPECT_EQ(AddError("Shop"), "BAD_SOURCE_NAME");
  EXPECT_EQ(AddError(""), "BAD_SOURCE_NAME");
  Add(Shop());
  EXPECT_EQ(AddError("shop"), "SOURCE_EXISTS");
  EXPECT_EQ(house_->Create("shop").error().reason(), "SOURCE_EXISTS");
  EXPECT_EQ(house_->Rename("mine", "shop").error().reason(), "SOURCE_EXISTS");
  EXPECT_THAT(house_->AskIn("shop", "SELECT 1"), HasSubstr("is the name of a source"));
  ASSERT_TRUE(house_->Rename("mine", "yours"));
}

TEST_F(SourcesTest, SourcesOutliveARestartAndWhatTheyAreMadeOf) {
  Open();
  Add(Shop());
  ASSERT_EQ(Orders("till"), "7");
  const std::string away = other->data_directory() + "-away";
  std::filesystem::rename(other->data_directory(), away);
  Open();
  AwaitTrue([&] { return StatusOf("shop").failure.has_value(); });
  EXPECT_EQ(StatusOf("shop").phase, SourcePhase::kReady);
  EXPECT_EQ(StatusOf("shop").branches, 1);
  EXPECT_EQ(Orders("till"), "7");
  EXPECT_EQ(Orders("another"), "7");
  EXPECT_TRUE(MayLogIn("clerk", "till", "another"));
  std::filesystem::rename(away, other->data_directory());
  Open({.refresh_interval = 20 * kNanosPerMilli});
  AwaitTrue([&] { return !StatusOf("shop").failure && StatusOf("shop").usage.has_value(); });
  const SourceStatus shop = StatusOf("shop");
  EXPECT_GT(shop.source.created_at, 0);
  EXPECT_EQ(shop.newest->major, 15);
  EXPECT_THAT(shop.newest->checkpoint_lsn, HasSubstr("/"));
  EXPECT_GT(shop.usage->own_bytes + shop.usage->shared_bytes, 1'000'000u);
}

TEST_F(SourcesTest, EachSourceIsFollowed) {
  Open({.refresh_interval = 20 * kNanosPerMilli});
  Add(Shop());
  ASSERT_EQ(Orders("till"), "7");
  const std::string before = StatusOf("source").newest->id;
  other->Start();
  Tell(*other, "INSERT INTO orders VALUES (8)");
  Tell(*other, "CREATE ROLE late LOGIN PASSWORD 'new'");
  AwaitTrue([&] {
    const auto failure = StatusOf("shop").failure;
    return failure && failure->reason() == "SOURCE_RUNNING";
  });
  other->Stop();
  AwaitTrue([&] { return MayLogIn("late", "new", "fresh", kFromShop); });
  EXPECT_EQ(Orders("fresh"), "8");
  EXPECT_EQ(Orders("till"), "7");
  EXPECT_EQ(StatusOf("source").newest->id, before);
  EXPECT_EQ(house_->journal().GenerationsOf("source")->size(), 1u);
  other->Start();
  Tell(*other, "DELETE FROM orders WHERE id = 8");
  other->Stop();
}

TEST_F(SourcesTest, ASourceIsLookedAtOnDemand) {
  Open();  // without a schedule
  Add(Shop());
  const auto first = StatusOf("shop").newest;
  EXPECT_EQ(house_->RefreshSource("shop")->newest->id, first->id);
  EXPECT_EQ(house_->RefreshSource("none").error().reason(), "SOURCE_NOT_FOUND");
  other->Start();
  Tell(*other, "INSERT INTO orders VALUES (8)");
  EXPECT_EQ(house_->RefreshSource("shop").error().reason(), "SOURCE_RUNNING");
  EXPECT_EQ(Orders("early"), "7");
  other->Stop();
  const auto second = house_->RefreshSource("shop");
  ASSERT_TRUE(second) << second.error().ToString();
  EXPECT_FALSE(second->failure);
  EXPECT_NE(second->newest->id, first->id);
  EXPECT_NE(second->newest->checkpoint_lsn, first->checkpoint_lsn);
  EXPECT_EQ(second->newest->system_identifier, first->system_identifier);
  EXPECT_NE(second->newest->system_identifier, StatusOf("source").newest->system_identifier);
  EXPECT_EQ(second->newest->timeline, 1);
  EXPECT_EQ(house_->journal().GenerationsOf("shop")->back().timeline, 1);
  EXPECT_EQ(Orders("fresh"), "8");
  EXPECT_EQ(Orders("early"), "7");
  other->Start();
  Tell(*other, "DELETE FROM orders WHERE id = 8");
  other->Stop();
}

TEST_F(SourcesTest, ASourceGoesWhenNoBranchIsOfIt) {
  Open();
  EXPECT_EQ(RemoveError("source"), "DEFAULT_SOURCE");
  EXPECT_EQ(RemoveError("shop"), "SOURCE_NOT_FOUND");
  Add(Shop());
  ASSERT_EQ(Orders("till"), "7");
  EXPECT_EQ(RemoveError("shop"), "SOURCE_IN_USE");
  EXPECT_EQ(RemoveError("shop", true), "SOURCE_IN_USE");
  ASSERT_TRUE(house_->Delete("till", true));
  EXPECT_EQ(RemoveError("shop"), "SOURCE_IN_USE");
  EXPECT_EQ(RemoveError("shop", true), "fine");
  EXPECT_EQ(house_->manager().List().size(), 0u);
  EXPECT_EQ(Volumes(), 1u);
  EXPECT_EQ(house_->Create("again", "shop").error().reason(), "PARENT_NOT_FOUND");
  Add(Shop());
  EXPECT_EQ(Orders("till"), "7");
  Open();
  EXPECT_EQ(house_->manager().ListSources().size(), 2u);
}

TEST_F(SourcesTest, WhatCanNotBeAddedLeavesNothing) {
  Open();
  EXPECT_EQ(house_->AddSource({.name = "a", .kind = "odd"}).error().reason(), "NO_KIND");
  EXPECT_EQ(house_->AddSource({.name = "a", .kind = "template", .path = ground_.File("none")})
                .error()
                .reason(),
            "DATA_DIRECTORY_FILES");
  AppendText(ground_.File("broken.sql"), "-- PostgreSQL database dump\nSELECT nothing;\n");
  EXPECT_FALSE(
      house_->AddSource({.name = "a", .kind = "dump", .path = ground_.File("broken.sql")}));
  other->Start();
  EXPECT_EQ(AddError("shop"), "SOURCE_RUNNING");
  other->Stop();
  EXPECT_EQ(house_->manager().ListSources().size(), 1u);
  EXPECT_EQ(Volumes(), 1u);
  EXPECT_EQ(house_->journal().UnfinishedSources()->size(), 0u);
  EXPECT_TRUE(house_->Create("a"));  // the name is free
}

TEST_F(SourcesTest, AManagedSourceRunsItsServerUntilItIsRemoved) {
  ::chmod(ground_.directory.path().c_str(), 0755);
  Open({.allow_source = true});
  const AddedSource ops = {.name = "ops", .kind = "managed", .path = ground_.File("ops")};
  Add(ops);
  const std::string password = [&] {
    const std::string text = testing::ReadText(ground_.File("source-password-ops"));
    return text.substr(0, text.find('\n'));
  }();
  const auto ask = [&](const std::string& branch, const std::string& query) {
    return Ask(house_->Connect(branch, password, "-c prism.from=ops"), query);
  };
  EXPECT_EQ(ask("ops", "CREATE TABLE jobs AS SELECT 3 AS id"), "SELECT 1");
  EXPECT_EQ(ask("ops", "SHOW prism.branch"), "ops");
  EXPECT_EQ(ask("night", "SELECT to_regclass('jobs') IS NULL"), "t");
  EXPECT_EQ(
      house_->AddSource({.name = "ops2", .kind = "managed", .path = ops.path}).error().reason(),
      "SOURCE_MANAGED_ALREADY");
  EXPECT_EQ(ask("ops", "SELECT id FROM jobs"), "3");
  ASSERT_TRUE(house_->Delete("night", true));
  EXPECT_EQ(RemoveError("ops", true), "fine");
  EXPECT_FALSE(std::filesystem::exists(ops.path + "/postmaster.pid"));
  Add(ops);  // what it was made of is still there
  EXPECT_EQ(ask("again", "SELECT id FROM jobs"), "3");
  ASSERT_TRUE(house_->Delete("again", true));
  EXPECT_EQ(RemoveError("ops", true), "fine");
}

TEST_F(SourcesTest, WhatAnOlderVersionMadeIsOfTheSourceOfTheConfiguration) {
  const sqlite::SchemaPart now = Journal::Part();
  const sqlite::SchemaPart before = {now.name, now.steps.first(4)};
  const auto connection = sqlite::Connection::OpenMemory();
  ASSERT_TRUE(connection) << connection.error().ToString();
  ASSERT_TRUE(sqlite::Migrate(**connection, {&before, 1}));
  EXPECT_EQ(ReadSources(**connection)->size(), 0u);  // as the doctor reads it
  ASSERT_TRUE(
      (*connection)
          ->Execute("INSERT INTO generations VALUES('g-1', '/srv/m system 1', 'there', 15, 7, 0)"));
  ASSERT_TRUE(sqlite::Migrate(**connection, {&now, 1}));
  auto select = (*connection)->Prepare("SELECT mark, source, checkpoint_lsn FROM generations");
  ASSERT_TRUE(select) << select.error().ToString();
  ASSERT_TRUE(*select->Step());
  EXPECT_EQ(select->TextAt(0), "/srv/m system 1");
  EXPECT_EQ(select->TextAt(1), "source");
  EXPECT_EQ(select->TextAt(2), "");
}

// A template that is another one at each look, and wants to rest for a day when it was copied
// twice.
class TiredSource final : public Source {
 public:
  TiredSource(Workshop& workshop, std::string directory, std::atomic<int>& looks)
      : inner_(workshop, std::move(directory)), looks_(looks) {}
  const std::string& name() const override { return inner_.name(); }
  std::optional<std::string> Moment() const override { return std::nullopt; }
  runtime::Task<Result<SourceState>> Look() override {
    auto looked = co_await inner_.Look();
    if (looked) mark_ = looked->mark;
    if (looked) looked->mark += " look " + std::to_string(looks_.fetch_add(1));
    co_return looked;
  }
  runtime::Task<Status> Fill(const SourceState& state, std::string volume,
                             const std::atomic<bool>* stop) override {
    SourceState own = state;
    own.mark = mark_;
    co_return co_await inner_.Fill(own, std::move(volume), stop);
  }
  MonoNanos Rest() const override { return looks_.load() < 2 ? 0 : 24 * 3600 * kNanosPerSecond; }

 private:
  TemplateSource inner_;
  std::string mark_;  // what it has in truth
  std::atomic<int>& looks_;
};

TEST_F(SourcesTest, ASourceRestsAfterItWasCopied) {
  std::atomic<int> looks = 0;
  house_ = std::make_unique<House>(
      ground_,
      [&](runtime::Shard&, Workshop& workshop, const PostgresPrograms&) {
        return std::make_unique<TiredSource>(workshop, postgres->data_directory(), looks);
      },
      BranchLimits{.refresh_interval = kNanosPerMilli, .keep_generations = 3});
  ASSERT_TRUE(house_->started()) << house_->started().error().ToString();
  AwaitTrue([&] { return house_->journal().Generations()->size() == 2; });
  ::usleep(300'000);  // lint-allow(sleep): what must not happen in this time
  EXPECT_EQ(looks.load(), 2);
}

TEST(ManagedSourceRests, TenTimesAsLongAsALongCopyTook) {
  EXPECT_EQ(ManagedSource::RestAfter(kQuickCopy - 1), 0);
  EXPECT_EQ(ManagedSource::RestAfter(60 * kNanosPerSecond), 600 * kNanosPerSecond);
}

}  // namespace
}  // namespace prism::branching
