// The server without sockets: configuration to shards, reload, admin pages.
#include "app/core.h"

#include <gmock/gmock.h>
#include <google/protobuf/arena.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <vector>

#include "app/admin_pages.h"
#include "base/testing/temp_directory.h"
#include "namespaces/yaml_source.h"
#include "runtime/sync_wait.h"
#include "security/audit_log.h"
#include "security/caller_rights.h"
#include "sqlite/plain_database.h"

namespace prism::app {
namespace {

using ::testing::HasSubstr;

runtime::Task<std::string> NameOfFirst(const gateway::Gateway& gateway) {
  co_return gateway.table()->entries().front()->config.name;
}

class CoreTest : public ::testing::Test {
 protected:
  CoreTest() {
    settings_.shards = 2;
    settings_.memory_max_bytes = 16u << 20;
    settings_.data_dir = directory_.File("data");
    Make();
  }
  void Make() {
    core_ = std::make_unique<Core>(settings_, log_);
    pages_ = std::make_unique<AdminPages>(AdminPages::Parts{
        settings_, lifecycle_, core_->shards(), core_->pool(), core_->gateway(), core_->methods(),
        core_->budget(), core_->config(),
        [] {
          rpc::ConnectionCounts counts;
          counts.open[1][0] = 3;
          counts.begun[2][1] = 4;
          counts.closed[0] = 8;
          return counts;
        },
        [] { return std::uint64_t{2}; },
        [] { return rpc::CallServer::Crowding{.given_up = 5, .refused = 6, .relieved = 7}; }});
  }
  void TearDown() override {
    pages_.reset();
    core_.reset();
  }
  void Restart() {
    TearDown();
    Make();
  }

  static std::shared_ptr<const namespaces::Snapshot> Config(std::string_view text) {
    auto parsed = namespaces::ParseConfig(text, "f");
    EXPECT_TRUE(parsed) << parsed.error().ToString();
    return *parsed;
  }
  // On the control thread, as administrators do it.
  Result<gateway::ConfigControl::Outcome> Change(
      const std::function<namespaces::Change(const namespaces::Snapshot&)>& plan,
      gateway::ConfigControl::Options options = {}) {
    options.author = {"ann", "a test"};
    return runtime::RunOn(core_->shards().at(0), [&] { return Changed(*core_, plan, options); });
  }
  static runtime::Task<Result<gateway::ConfigControl::Outcome>> Changed(
      Core& core, const std::function<namespaces::Change(const namespaces::Snapshot&)>& plan,
      const gateway::ConfigControl::Options& options) {
    gateway::ConfigControl& control = core.control();
    auto applied = co_await control.thread().Run([&] {
      return control.Apply(
          [&](const namespaces::StoredConfig& current) -> Result<namespaces::Change> {
            return plan(*current.snapshot);
          },
          options);
    });
    if (!applied) co_return std::unexpected(applied.error());
    co_return *std::move(applied);
  }
  // Makes the configuration what the text says.
  Status Become(std::string_view text) {
    const auto wanted = Config(text);
    const auto made = Change(
        [&wanted](const namespaces::Snapshot& current) { return Difference(current, *wanted); },
        {.force = true});
    if (!made) return std::unexpected(made.error());
    return {};
  }
  // The namespace "a" on `backend`.
  static namespaces::Change PutA(const std::string& backend, std::string pattern = "") {
    namespaces::NamespaceConfig config;
    config.name = "a";
    config.settings.name = "a";
    config.backend = backend;
    config.pattern = std::move(pattern);
    return {.backends = {}, .namespaces = {{.name = "a", .to = std::move(config)}}};
  }
  // As somebody who may everything.
  admin::v1::Page Get(std::string target) {
    google::protobuf::Arena arena;
    contract::CallContext context(arena);
    const security::CallerRights rights(security::Guard::Open(), security::Caller(), "");
    context.rights = &rights;
    admin::v1::GetPageRequest request;
    request.set_target(std::move(target));
    admin::v1::Page page;
    const Status got =
        runtime::RunOn(core_->shards().at(1), [&] { return pages_->Get(context, request, page); });
    if (!got) page.set_body(got.error().ToString());
    return page;
  }

  std::vector<std::string> Lines() {
    const std::lock_guard lock(lines_mutex_);
    return lines_;
  }

  void ForgetLines() {
    const std::lock_guard lock(lines_mutex_);
    lines_.clear();
  }

  const base::testing::TempDirectory directory_;
  ServerSettings settings_;
  Lifecycle lifecycle_;
  std::mutex lines_mutex_;  // those who log are several threads
  std::vector<std::string> lines_;
  telemetry::Logger log_{telemetry::LogLevel::kInfo, telemetry::LogFormat::kText,
                         [this](std::string_view line) {
                           const std::lock_guard lock(lines_mutex_);
                           lines_.emplace_back(line);
                         }};
  std::unique_ptr<Core> core_;
  std::unique_ptr<AdminPages> pages_;
};

constexpr std::string_view kOneNamespace = "namespaces: [{name: a, backend: memory}]\n";

TEST_F(CoreTest, IsReadyWhenItServesAndItsBackendsAreUp) {
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  EXPECT_EQ(Get("/livez").status(), 200);
  EXPECT_EQ(Get("/readyz").status(), 503);  // not listening yet
  lifecycle_.serving = true;
  EXPECT_EQ(Get("/readyz").status(), 200);
  EXPECT_EQ(Get("/readyz").body(), "ready\n");
  EXPECT_THAT(Get("/readyz?verbose").body(), HasSubstr("[+] backend memory ok\n"));
  lifecycle_.serving = false;
  EXPECT_THAT(Get("/readyz?verbose=1").body(), HasSubstr("[-] serving: starting or draining\n"));
  EXPECT_THAT(Get("/elsewhere").body(), HasSubstr("NOT_FOUND/ROUTE_NOT_FOUND"));
}

TEST_F(CoreTest, ADriverThatIsNotInstalledIsSaidAndDoesNotStopTheRest) {
  lifecycle_.serving = true;
  ASSERT_TRUE(
      core_->Start(*Config("backends: {r: {type: redis}}\n"
                           "namespaces:\n  - {name: a, backend: memory}\n"
                           "  - {name: b, backend: r}\n"
                           "  - {name: c, backend: memory, pattern: outbox}\n")));
  EXPECT_THAT(Lines(), ::testing::Contains(HasSubstr("reason=DRIVER_NOT_INSTALLED")));
  EXPECT_THAT(Lines(), ::testing::Contains(HasSubstr("reason=PATTERN_NOT_INSTALLED")));
  const admin::v1::Page ready = Get("/readyz?verbose");
  EXPECT_EQ(ready.status(), 200) << ready.body();
  EXPECT_THAT(ready.body(), HasSubstr("[-] backend r: FAILED_PRECONDITION/DRIVER_NOT_INSTALLED"));
}

TEST_F(CoreTest, ASecretThatIsNotThereStopsTheStartWithoutShowingAnything) {
  const Status started = core_->Start(
      *Config("backends: {m: {type: memory, connection: \"x${env:PRISM_TEST_NOT_SET}\"}}\n"
              "namespaces: [{name: a, backend: m}]\n"));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().reason(), "SECRET_UNAVAILABLE");
}

TEST_F(CoreTest, EverySecretOfABackendThatIsNotThereIsSaid) {
  const Status started =
      core_->Start(*Config("backends: {m: {type: memory, username: \"${env:PRISM_TEST_NOT_SET}\", "
                           "password: \"${env:PRISM_TEST_NOT_SET_EITHER}\"}}\n"
                           "namespaces: [{name: a, backend: m}]\n"));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().reason(), "CONFIG_UNBINDABLE");
  ASSERT_EQ(started.error().fields().size(), 2U);
  EXPECT_EQ(started.error().fields()[0].field, "backends.m.username");
  EXPECT_EQ(started.error().fields()[1].field, "backends.m.password");
  EXPECT_THAT(started.error().fields()[1].description, HasSubstr("PRISM_TEST_NOT_SET_EITHER"));
}

TEST_F(CoreTest, EveryBackendOfTheStoreThatCantBeMadeIsSaid) {
  constexpr const char* kText =
      "backends:\n  one: {type: memory, connection: \"${env:PRISM_TEST_LATER}\"}\n"
      "  two: {type: memory, password: \"${env:PRISM_TEST_LATER}\"}\n"
      "namespaces: [{name: a, backend: one}]\n";
  ::setenv("PRISM_TEST_LATER", "x", 1);
  ASSERT_TRUE(core_->Start(*Config(kText)));
  ::unsetenv("PRISM_TEST_LATER");
  Restart();
  const Status started = core_->Start(*Config(kText));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().reason(), "CONFIG_UNBINDABLE");
  ASSERT_EQ(started.error().fields().size(), 2U);
  EXPECT_EQ(started.error().fields()[0].field, "backends.one.connection");
  EXPECT_EQ(started.error().fields()[1].field, "backends.two.password");
}

TEST_F(CoreTest, TwoNamesOfOneDirectoryAreOneBackend) {
  ASSERT_TRUE(
      core_->Start(*Config("backends: {one: {type: sqlite}, two: {type: sqlite}}\n"
                           "namespaces:\n  - {name: a, backend: one}\n"
                           "  - {name: b, backend: two}\n")));
  // Renamed while the old one is still in use.
  ASSERT_TRUE(
      Become("backends: {three: {type: sqlite}}\n"
             "namespaces: [{name: a, backend: three}]\n"));
  core_->Tidy();
  ASSERT_TRUE(Become("namespaces: [{name: a, backend: sqlite}]\n"));
}

TEST_F(CoreTest, AChangeIsServedByEveryShard) {
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  EXPECT_THAT(Get("/metrics").body(), HasSubstr("prism_config_revision 1\n"));
  ASSERT_TRUE(Become("namespaces: [{name: b, backend: memory}]\n"));
  for (int shard = 0; shard < 2; ++shard) {
    EXPECT_EQ(
        runtime::RunOn(core_->shards().at(shard), [this] { return NameOfFirst(core_->gateway()); }),
        "b");
  }
  core_->Tidy();
}

TEST_F(CoreTest, TellsMetricsVersionAndConfiguration) {
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  const std::string metrics = Get("/metrics").body();
  EXPECT_THAT(metrics, HasSubstr("prism_build_info{version=\""));
  EXPECT_THAT(metrics, HasSubstr("prism_backend_up{backend=\"memory\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("prism_shards 2\n"));
  EXPECT_THAT(metrics, HasSubstr("prism_connections{http=\"h1\",transport=\"plain\"} 3\n"));
  EXPECT_THAT(metrics, HasSubstr("prism_connections{http=\"h1\",transport=\"tls\"} 0\n"));
  EXPECT_THAT(metrics,
              HasSubstr("prism_connections_begun_total{http=\"h2\",transport=\"tls\"} 4\n"));
  EXPECT_THAT(metrics, HasSubstr("prism_connections_closed_total{reason=\"client\"} 8\n"));
  EXPECT_THAT(metrics, HasSubstr("prism_memory_max_bytes 16777216\n"));
  EXPECT_THAT(metrics, HasSubstr("process_resident_memory_bytes "));
  EXPECT_TRUE(nlohmann::json::parse(Get("/version").body()).contains("version"));
  const auto config = nlohmann::json::parse(Get("/config").body());
  EXPECT_EQ(config["namespaces"][0]["name"], "a");
}

TEST_F(CoreTest, TheFileIsImportedOnceAndThenTheStoreIsServed) {
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  ASSERT_TRUE(Become("namespaces: [{name: b, backend: memory}]\n"));
  Restart();
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  EXPECT_EQ(nlohmann::json::parse(Get("/config").body())["namespaces"][0]["name"], "b");
  EXPECT_THAT(Get("/metrics").body(), HasSubstr("prism_config_revision 2\n"));
  EXPECT_THAT(Lines(), ::testing::Contains(HasSubstr("prism config diff")));
  ForgetLines();
  ASSERT_TRUE(core_->Apply(*Config(kOneNamespace)));
  EXPECT_THAT(Get("/metrics").body(), HasSubstr("prism_config_revision 2\n"));
  EXPECT_THAT(Lines(), ::testing::Contains(HasSubstr("prism config diff")));
  // A file that says the same, or nothing of namespaces, is no reason to speak.
  ForgetLines();
  ASSERT_TRUE(core_->Apply(*Config("namespaces: [{name: b, backend: memory}]\n")));
  ASSERT_TRUE(core_->Apply(*Config("server: {shards: 2}\n")));
  EXPECT_THAT(Lines(), ::testing::Not(::testing::Contains(HasSubstr("prism config diff"))));
}

TEST_F(CoreTest, AnImportIsAnEntryOfTheAudit) {
  const auto audit = [this] {
    std::vector<std::string> entries;
    const auto page = sqlite::ReadAndWait(core_->database(), [](sqlite::Connection& connection) {
      return security::ListAudit(connection, {.ascending = true});
    });
    EXPECT_TRUE(page) << page.error().ToString();
    for (const auto& record : page->records) {
      const security::AuditEntry& entry = record.entry;
      entries.push_back(entry.principal + ": " + entry.action + ": " + entry.object + " " +
                        entry.after);
    }
    return entries;
  };
  ASSERT_TRUE(core_->Start(*Config("")));
  const std::string builtin =
      "import: import of the built-in defaults: config {\"objects\":[\"backend/memory\","
      "\"backend/sqlite\",\"namespace/default\",\"namespace/scratch\"],\"total\":4}";
  EXPECT_THAT(audit(), ::testing::ElementsAre(builtin));
  ASSERT_TRUE(core_->Apply(*Config(kOneNamespace)));
  const std::string file =
      "import: import of the configuration file: config {\"objects\":[\"backend/sqlite (deleted)\","
      "\"namespace/a\",\"namespace/default (deleted)\",\"namespace/scratch "
      "(deleted)\"],\"total\":4}";
  EXPECT_THAT(audit(), ::testing::ElementsAre(builtin, file));
  // Nothing is imported twice.
  ASSERT_TRUE(core_->Apply(*Config("namespaces: [{name: b, backend: memory}]\n")));
  Restart();
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  EXPECT_THAT(audit(), ::testing::ElementsAre(builtin, file));
}

TEST_F(CoreTest, AFileComesAfterNothingButTheBuiltinNamespaces) {
  ASSERT_TRUE(core_->Start(*Config("")));
  Restart();
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  EXPECT_EQ(nlohmann::json::parse(Get("/config").body())["namespaces"][0]["name"], "a");
  EXPECT_THAT(Get("/metrics").body(), HasSubstr("prism_config_revision 2\n"));
}

TEST_F(CoreTest, WhatCantBeServedIsNotStored) {
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  EXPECT_FALSE(
      Become("backends: {m: {type: memory, connection: \"x${env:PRISM_TEST_NOT_SET}\"}}\n"
             "namespaces: [{name: b, backend: m}]\n"));
  Restart();
  ASSERT_TRUE(core_->Start(*Config("")));
  EXPECT_EQ(nlohmann::json::parse(Get("/config").body())["namespaces"][0]["name"], "a");
}

TEST_F(CoreTest, AChangeThatSomebodyPlansIsStoredAndServed) {
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  const auto limit = [](const namespaces::Snapshot& snapshot) {
    namespaces::NamespaceConfig config = *snapshot.FindNamespace("a");
    config.rate_limit_rps = 7;
    return namespaces::Change{.backends = {}, .namespaces = {{.name = "a", .to = config}}};
  };
  const auto dry = Change(limit, {.dry_run = true});
  ASSERT_TRUE(dry) << dry.error().ToString();
  EXPECT_EQ(dry->revision, 2);
  EXPECT_EQ(core_->control().store().Load()->revision, 1);
  const auto made = Change(limit);
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(made->revision, 2);
  EXPECT_EQ(made->table->snapshot().revision, 2);
  EXPECT_EQ(nlohmann::json::parse(Get("/config").body())["namespaces"][0]["rate_limit_rps"], 7);
  EXPECT_EQ(core_->control().store().HistoryOf("a")->back().changed_by, "ann");
  // What changes nothing is no revision.
  EXPECT_EQ(Change(limit)->revision, 2);
}

TEST_F(CoreTest, AChangeThatCantBeServedChangesNothing) {
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  const auto refused = [this](const namespaces::Change& change) {
    const auto made = Change([&change](const auto&) { return change; });
    return made ? std::string("made") : std::string(made.error().reason());
  };
  EXPECT_EQ(refused(PutA("nobody")), "BACKEND_NOT_FOUND");
  EXPECT_EQ(refused(PutA("memory", "outbox")), "INTERFACES_WOULD_SHRINK");
  EXPECT_EQ(refused(PutA("memory", "queue")), "INTERFACE_NOT_BOUND");
  namespaces::Change change = PutA("m");
  change.backends = {{.name = "m",
                      .to = namespaces::BackendConfig{.name = "m",
                                                      .type = "memory",
                                                      .connection = "x${env:PRISM_TEST_NOT_SET}",
                                                      .username = {},
                                                      .password = {}}}};
  EXPECT_EQ(refused(change), "SECRET_UNAVAILABLE");
  auto second = change.backends.front();
  second.name = "n";
  second.to->name = "n";
  change.backends.push_back(second);
  EXPECT_EQ(refused(change), "CONFIG_UNBINDABLE");
  EXPECT_EQ(core_->control().store().Load()->revision, 1);
  // What this program lacks may be configured, and forced changes may take interfaces away.
  const auto forced = Change([](const auto&) { return PutA("memory", "outbox"); }, {.force = true});
  ASSERT_TRUE(forced) << forced.error().ToString();
  EXPECT_EQ(refused(PutA("memory", "cache")), "made");
}

TEST_F(CoreTest, AFileThatCantBeBoundIsNotImported) {
  const Status started = core_->Start(
      *Config("backends: {m: {type: memory, connection: \"x${env:PRISM_TEST_NOT_SET}\"}}\n"
              "namespaces:\n  - {name: a, backend: memory, pattern: queue}\n"
              "  - {name: b, backend: m}\n"));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().reason(), "CONFIG_UNBINDABLE");
  EXPECT_EQ(started.error().fields().size(), 2u);
  Restart();
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  EXPECT_THAT(Get("/metrics").body(), HasSubstr("prism_config_revision 1\n"));
}

TEST_F(CoreTest, OneServerHasTheConfiguration) {
  ASSERT_TRUE(core_->Start(*Config(kOneNamespace)));
  Core other(settings_, log_);
  const Status started = other.Start(*Config(kOneNamespace));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().reason(), "DATA_DIRECTORY_LOCKED");
}

class PurgeTest : public CoreTest {
 protected:
  // The namespace "a" on files, and one of them.
  void Begin() {
    ASSERT_TRUE(core_->Start(*Config(kOnFiles)));
    std::ofstream(File()) << "data";
  }
  std::string File() const { return settings_.data_dir + "/namespaces/a.db-wal"; }
  Status Delete(bool purge, bool dry_run = false) {
    return Apply({.backends = {}, .namespaces = {{.name = "a", .to = {}, .purge = purge}}},
                 dry_run);
  }
  Status Apply(const namespaces::Change& change, bool dry_run = false) {
    const auto made =
        Change([&change](const auto&) { return change; }, {.dry_run = dry_run, .force = true});
    if (!made) return std::unexpected(made.error());
    return {};
  }
  // What is asked of the control thread is done when it returns.
  void Tidy() {
    core_->Tidy();
    EXPECT_TRUE(Apply({}));
  }
  void TidyUntil(const std::function<bool()>& done) {
    const MonoNanos end = MonotonicNow() + 60 * kNanosPerSecond;
    while (!done() && MonotonicNow() < end) Tidy();
    EXPECT_TRUE(done());
  }
  // As long as it is kept the namespaces that there are now are in use.
  std::shared_ptr<const gateway::RoutingTable> Use() {
    return runtime::RunOn(core_->shards().at(0), [this] { return TableOf(core_->gateway()); });
  }
  static runtime::Task<std::shared_ptr<const gateway::RoutingTable>> TableOf(
      const gateway::Gateway& gateway) {
    co_return gateway.table();
  }
  std::string PendingLine() { return LineOf("prism_namespace_purges_pending "); }
  std::string LineOf(const std::string& metric) {
    const std::string all = Get("/metrics").body();
    const std::size_t at = all.find("\n" + metric) + 1;
    return all.substr(at, all.find('\n', at) - at);
  }
  static std::string ReasonOf(const Status& status) {
    return status ? "OK" : std::string(status.error().reason());
  }

  static constexpr std::string_view kOnFiles = "namespaces: [{name: a, backend: sqlite}]\n";
};

TEST_F(PurgeTest, DataStaysUnlessItIsSaidThatItShallGo) {
  Begin();
  ASSERT_TRUE(Delete(false));
  Tidy();
  EXPECT_EQ(PendingLine(), "prism_namespace_purges_pending 0");
  EXPECT_TRUE(std::filesystem::exists(File()));
  ASSERT_TRUE(Apply(PutA("sqlite")));
  ASSERT_TRUE(Delete(true, true));
  Tidy();
  EXPECT_TRUE(std::filesystem::exists(File()));
}

TEST_F(PurgeTest, DataGoesOnceNobodyUsesItAndIsInTheWayUntilThen) {
  Begin();
  auto held = Use();
  ASSERT_TRUE(Delete(true));
  Tidy();
  EXPECT_EQ(PendingLine(), "prism_namespace_purges_pending 1");
  EXPECT_TRUE(std::filesystem::exists(File()));
  for (const bool dry_run : {true, false}) {
    EXPECT_EQ(ReasonOf(Apply(PutA("sqlite"), dry_run)), "PURGE_PENDING");
    EXPECT_EQ(ReasonOf(Apply(PutA("memory"), dry_run)), "PURGE_PENDING");
    EXPECT_EQ(ReasonOf(Apply({.backends = {{"sqlite", {}}}, .namespaces = {}}, dry_run)),
              "PURGE_PENDING");
  }
  EXPECT_EQ(ReasonOf(Become(kOnFiles)), "PURGE_PENDING");
  EXPECT_TRUE(Become("namespaces: [{name: b, backend: sqlite}]\n"));
  held.reset();
  TidyUntil([this] { return PendingLine() == "prism_namespace_purges_pending 0"; });
  EXPECT_FALSE(std::filesystem::exists(File()));
  EXPECT_EQ(LineOf("prism_namespace_purges_total "), "prism_namespace_purges_total 1");
  EXPECT_TRUE(Apply(PutA("sqlite")));
  const auto page = sqlite::ReadAndWait(core_->database(), [](sqlite::Connection& connection) {
    return security::ListAudit(connection, {.ascending = false, .limit = 1});
  });
  EXPECT_EQ(page->records.front().entry.action, "purge of a deleted namespace");
  EXPECT_EQ(page->records.front().entry.object, "namespace/a");
  EXPECT_EQ(page->records.front().entry.principal, "ann");
}

TEST_F(PurgeTest, GoesOnAfterARestart) {
  Begin();
  {
    const auto held = Use();
    ASSERT_TRUE(Delete(true));
    Tidy();
  }
  ASSERT_TRUE(std::filesystem::exists(File()));
  Restart();
  ASSERT_TRUE(core_->Start(*Config("")));
  TidyUntil([this] { return PendingLine() == "prism_namespace_purges_pending 0"; });
  EXPECT_FALSE(std::filesystem::exists(File()));
}

TEST_F(PurgeTest, WhatFailsIsSaidAndTriedAgain) {
  Begin();
  std::filesystem::remove(File());
  std::filesystem::create_directory(File());
  ASSERT_TRUE(Delete(true));
  TidyUntil([this] {
    return LineOf("prism_namespace_purge_failures_total ") ==
           "prism_namespace_purge_failures_total 1";
  });
  EXPECT_EQ(PendingLine(), "prism_namespace_purges_pending 1");
  EXPECT_THAT(Lines(), ::testing::Contains(HasSubstr("NAMESPACE_FILE_UNUSABLE")));
  std::filesystem::remove(File());
  TidyUntil([this] { return PendingLine() == "prism_namespace_purges_pending 0"; });
}

TEST_F(PurgeTest, ABackendThatCantBeUsedIsNotAskedTo) {
  ASSERT_TRUE(
      core_->Start(*Config("backends: {r: {type: redis}}\n"
                           "namespaces: [{name: a, backend: r}]\n")));
  for (const bool dry_run : {true, false}) {
    EXPECT_EQ(ReasonOf(Delete(true, dry_run)), "DRIVER_NOT_INSTALLED");
  }
  EXPECT_TRUE(Delete(false));
}

}  // namespace
}  // namespace prism::app
