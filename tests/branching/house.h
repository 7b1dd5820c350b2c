// For tests: a running Prism, as far as branches go, with its proxy, on real storage and real
// servers.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/testing/temp_directory.h"
#include "branching/branches/branch_manager.h"
#include "branching/instances/postgres_programs.h"
#include "branching/instances/process_runtime.h"
#include "branching/instances/testing/cluster.h"
#include "branching/proxy/proxy.h"
#include "branching/sources/dump_source.h"
#include "branching/sources/managed_source.h"
#include "branching/sources/template_source.h"
#include "branching/storage/probe.h"
#include "branching/storage/testing/loop_file_system.h"
#include "runtime/sync_wait.h"
#include "sqlite/executor.h"
#include "sqlite/plain_database.h"
#include "tests/branching/client.h"

namespace prism::branching::testing {

// What stays when the process ends: files and servers.
struct Ground {
  explicit Ground(const std::string& type = "btrfs", std::string driver_name = "btrfs")
      : driver(std::move(driver_name)) {
    ::chmod(directory.path().c_str(), 0711);  // servers of another user pass through
    const Status own = UseOwnMounts();
    EXPECT_TRUE(own) << own.error().ToString();
    auto made = LoopFileSystem::Make(type, 1024);
    EXPECT_TRUE(made) << made.error().ToString();
    file_system = *std::move(made);
  }
  std::string File(const std::string& name) const { return directory.File(name); }

  std::string driver;  // of the storage
  InstanceProfile profile = InstanceProfile::kDisposable;
  base::testing::TempDirectory directory;
  std::unique_ptr<LoopFileSystem> file_system;
};

// What the branches of a house are made of.
using SourceMaker = std::function<std::unique_ptr<Source>(runtime::Shard& home, Workshop&,
                                                          const PostgresPrograms&)>;

// A running Prism, as far as branches go.
class House {
 public:
  // Branches of the template.
  House(const Ground& ground, const std::string& source, const BranchLimits& limits,
        std::function<void(std::string_view)> after_step = {}, const ProxyLimits& of_clients = {})
      : House(
            ground,
            [&source](runtime::Shard&, Workshop& workshop, const PostgresPrograms&) {
              return std::make_unique<TemplateSource>(workshop, source);
            },
            limits, std::move(after_step), of_clients) {}
  // Not started when that fails.
  House(const Ground& ground, const SourceMaker& make_source, const BranchLimits& limits,
        std::function<void(std::string_view)> after_step = {}, const ProxyLimits& of_clients = {})
      : kind_({Journal::Part()}),
        database_(executor_.Make({.path = ground.File("branches.db"), .foreign_keys = true}, kind_,
                                 nullptr)),
        journal_(*database_) {
    EXPECT_TRUE(shards_.Start());
    EXPECT_TRUE(database_->Open());
    const InstanceUser user = TestUser();
    auto storage = Storage::Open({.directory = ground.file_system->path() + "/store",
                                  .owner = {.uid = user.uid, .gid = user.gid}},
                                 *MakeDriver(ground.driver, &pool_));
    EXPECT_TRUE(storage) << storage.error().ToString();
    storage_ = *std::move(storage);
    auto runtime = ProcessRuntime::Make(user, &pool_);
    EXPECT_TRUE(runtime) << runtime.error().ToString();
    runtime_ = *std::move(runtime);
    auto servers =
        runtime::RunOn(shards_.at(0), [] { return PostgresServers::Find({}, "/usr/bin"); });
    EXPECT_TRUE(servers) << servers.error().ToString();
    workshop_ = std::make_unique<Workshop>(Workshop{.journal = journal_,
                                                    .storage = *storage_,
                                                    .runtime = *runtime_,
                                                    .pool = pool_,
                                                    .clock = clock_,
                                                    .logger = logger_,
                                                    .servers = *std::move(servers),
                                                    .run_directory = ground.File("run"),
                                                    .after_step = std::move(after_step)});
    programs_ = std::make_unique<PostgresPrograms>(runtime_->launcher());
    source_ = make_source(shards_.at(0), *workshop_, *programs_);
    manager_ = std::make_unique<BranchManager>(
        shards_.at(0), *workshop_, InstanceSettings{.profile = ground.profile}, limits,
        [](const EntryRequest& request) { return request.branch.name() != "forbidden"; });
    home_ = ground.directory.path();
    user_ = user;
    started_ = manager_->Start(*source_, [this](const AddedSource& added) { return Make(added); });
    if (!started_) return;
    proxy_ =
        std::make_unique<Proxy>(shards_, *manager_, clock_, logger_, ProxyNaming{}, of_clients);
    auto socket = rpc::ListenSocket::Open("127.0.0.1:0");
    auto address = proxy_->Listen(*std::move(socket), {});
    EXPECT_TRUE(address) << address.error().ToString();
    port_ = address->substr(address->rfind(':') + 1);
  }
  ~House() {
    proxy_.reset();
    manager_.reset();
    pool_.Stop();
    shards_.Stop();
  }
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  const Status& started() const { return started_; }
  BranchManager& manager() { return *manager_; }
  Result<BranchStatus> Create(const std::string& name,
                              const std::optional<std::string>& from = std::nullopt) {
    return runtime::RunOn(shards_.at(1), [&] {
      return manager_->Create({.branch = *BranchName::From(name),
                               .from = from,
                               .ttl = {},
                               .user = "somebody",
                               .peer = {}});
    });
  }
  Result<BranchStatus> Delete(const std::string& name, bool force = false, bool recursive = false) {
    return Delete(name, Deletion{.force = force, .recursive = recursive});
  }
  Result<BranchStatus> Delete(const std::string& name, const Deletion& how) {
    return runtime::RunOn(shards_.at(1), [&] { return manager_->Delete(name, how); });
  }
  Result<BranchStatus> StopBranch(const std::string& name, bool force = false) {
    return runtime::RunOn(shards_.at(1), [&] { return manager_->StopBranch(name, force); });
  }
  Result<BranchStatus> Undelete(const std::string& name) {
    return runtime::RunOn(shards_.at(1), [&] { return manager_->Undelete(name); });
  }
  Result<BranchStatus> Update(const std::string& name, const BranchChange& change) {
    return runtime::RunOn(shards_.at(1), [&] { return manager_->Update(name, change); });
  }
  Result<BranchStatus> Rename(const std::string& name, const std::string& to) {
    return runtime::RunOn(shards_.at(1),
                          [&] { return manager_->Rename(name, *BranchName::From(to)); });
  }
  Result<Snapshot> TakeSnapshot(const std::string& name, const std::string& snapshot = "") {
    return runtime::RunOn(shards_.at(1), [&] { return manager_->TakeSnapshot(name, snapshot); });
  }
  Result<Snapshot> DeleteSnapshot(const std::string& name, const std::string& snapshot) {
    return runtime::RunOn(shards_.at(1), [&] { return manager_->DeleteSnapshot(name, snapshot); });
  }
  Result<BranchStatus> Reset(const std::string& name, bool force = false) {
    return runtime::RunOn(shards_.at(1), [&] { return manager_->Reset(name, force); });
  }
  Result<BranchStatus> Restore(const std::string& name, const std::string& snapshot,
                               bool force = false) {
    return runtime::RunOn(shards_.at(1), [&] { return manager_->Restore(name, snapshot, force); });
  }
  // As somebody whose role is of that source.
  Result<std::unique_ptr<Entrance>> Enter(const std::string& name,
                                          const std::optional<std::string>& from,
                                          const std::string& source) {
    return runtime::RunOn(shards_.at(1), [&] {
      return manager_->Enter({.branch = *BranchName::From(name),
                              .from = from,
                              .ttl = {},
                              .user = "somebody",
                              .peer = {},
                              .source = source},
                             nullptr);
    });
  }
  Result<SourceStatus> AddSource(const AddedSource& added) {
    return runtime::RunOn(shards_.at(1), [&] { return manager_->AddSource(added); });
  }
  Result<SourceStatus> RefreshSource(const std::string& name) {
    return runtime::RunOn(shards_.at(1), [&] { return manager_->RefreshSource(name); });
  }
  Result<SourceStatus> RemoveSource(const std::string& name, bool force = false) {
    return runtime::RunOn(shards_.at(1), [&] { return manager_->RemoveSource(name, force); });
  }
  Journal& journal() { return journal_; }
  Storage& storage() { return *storage_; }
  // `options` as libpq has them: "-c prism.ttl=2h".
  Connection Connect(const std::string& branch, const std::string& password = "secret",
                     const std::string& options = "", const std::string& user = "postgres") const {
    Connection connection(
        PQconnectdb(("host=127.0.0.1 port=" + port_ + " user=" + user + "@" + branch +
                     " password=" + password + " dbname=postgres options='" + options + "'")
                        .c_str()));
    PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
    return connection;
  }
  std::string AskIn(const std::string& branch, const std::string& query,
                    const std::string& options = "") const {
    const Connection connection = Connect(branch, "secret", options);
    if (PQstatus(connection.get()) != CONNECTION_OK) return PQerrorMessage(connection.get());
    return Ask(connection, query);
  }

 private:
  Result<std::unique_ptr<Source>> Make(const AddedSource& added) {
    if (added.kind == "dump") {
      return std::make_unique<DumpSource>(
          *workshop_, *programs_,
          DumpSource::Options{.path = added.path, .roles = {}, .password = "secret"});
    }
    if (added.kind == "managed") {
      return std::make_unique<ManagedSource>(
          shards_.at(0), *workshop_, *programs_,
          ManagedSource::Options{.directory = added.path,
                                 .home = home_,
                                 .password_file = "source-password-" + added.name,
                                 .user = user_});
    }
    if (added.kind == "template") return std::make_unique<TemplateSource>(*workshop_, added.path);
    return std::unexpected(Error(Code::kInvalidArgument, "NO_KIND", added.kind));
  }

  SystemClock clock_;
  telemetry::Logger logger_{telemetry::LogLevel::kError, telemetry::LogFormat::kText};
  sqlite::Executor executor_;
  sqlite::PlainKind kind_;
  std::unique_ptr<sqlite::Database> database_;
  Journal journal_;
  runtime::BlockingPool pool_{4, 256};
  runtime::ShardPool shards_{2};
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<ProcessRuntime> runtime_;
  std::unique_ptr<Workshop> workshop_;
  std::unique_ptr<PostgresPrograms> programs_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<BranchManager> manager_;
  std::unique_ptr<Proxy> proxy_;
  std::string port_;
  std::string home_;  // of managed sources that are added
  InstanceUser user_;
  Status started_;
};

}  // namespace prism::branching::testing
