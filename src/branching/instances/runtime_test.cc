// What every runtime promises about a server that it runs.
#include <gtest/gtest.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "branching/instances/process_tree.h"
#include "branching/instances/testing/cluster.h"
#include "branching/instances/testing/runtime_suite.h"
#include "runtime/cancel.h"
#include "tests/servers/postgres.h"

namespace prism::branching {

std::string StoppedTemplate() {
  static prism::testing::PostgresServer server;
  if (server.pid() > 0) server.Stop();
  return server.data_directory();
}

TEST_P(RuntimeTest, StartsACloneThatKnowsItsName) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "feature");
  auto instance = host_.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_TRUE((*instance)->running());
  EXPECT_EQ(Query(**instance, "SHOW cluster_name"), "feature");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
  EXPECT_EQ(host_.Find(spec.run_directory), std::nullopt);
}

TEST_P(RuntimeTest, AServerThatDoesNotNotifyIsReadyToo) {
  InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  spec.binaries.notifies = false;
  auto instance = host_.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "SELECT 1"), "1");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
}

TEST_P(RuntimeTest, AKilledServerLeavesNothingAndItsImageStarts) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  auto instance = host_.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n"), "");
  const std::vector<InstanceIdentity> processes = ProcessTree((*instance)->identity().pid);
  EXPECT_GE(processes.size(), 4U);
  const std::vector<int> segments = SharedSegments((*instance)->identity().pid);
  EXPECT_EQ(segments.empty(), GetParam().own_shared_memory);
  EXPECT_EQ(host_.Stop(*std::move(instance), kKillAtOnce), StopKind::kKilled);

  for (const InstanceIdentity& one : processes) EXPECT_FALSE(ProcessStartTime(one.pid)) << one.pid;
  for (const int segment : segments) {
    shmid_ds gone{};
    EXPECT_EQ(::shmctl(segment, IPC_STAT, &gone), -1) << segment;
  }
  EXPECT_EQ(host_.Find(spec.run_directory), std::nullopt);

  // A copy of what the kill left, and that itself.
  InstanceSpec copy = copies_.Clone(spec.data_directory, "b");
  for (const InstanceSpec& image : {copy, spec}) {
    instance = host_.Start(image);
    ASSERT_TRUE(instance) << instance.error().ToString();
    EXPECT_EQ(Query(**instance, "SELECT count(*), sum(n) FROM kept"), "1000|500500");
    EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
  }
}

TEST_P(RuntimeTest, TheEndIsNoticedAndTheNextStartWorks) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  auto instance = host_.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  const InstanceIdentity identity = (*instance)->identity();
  ::kill(identity.pid, SIGKILL);
  const auto end = host_.Run(
      [&] { return (*instance)->WaitForEnd(MonotonicNow() + 60 * kNanosPerSecond, nullptr); });
  ASSERT_TRUE(end) << end.error().ToString();
  EXPECT_TRUE(end->ends_with(GetParam().end_of_killed)) << *end;
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kGone);

  // Its other processes end with it, at once or a little later; until then it can't be started.
  do {
    instance = host_.Start(spec);
  } while (!instance && instance.error().reason() == "INSTANCE_RUNNING");
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_NE((*instance)->identity(), identity);
  EXPECT_EQ(Query(**instance, "SELECT 1"), "1");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
}

TEST_P(RuntimeTest, RunsOnlyOnce) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  auto instance = host_.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  const auto second = host_.Start(spec);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().reason(), "INSTANCE_RUNNING");
  EXPECT_EQ(Query(**instance, "SELECT 1"), "1");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
}

TEST_P(RuntimeTest, WhatIsNotReadyInTimeIsGivenUp) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  auto late = host_.StartUntil(spec, MonotonicNow());
  // On a busy machine a server may be ready before anybody asks for it.
  for (int again = 0; late && again < 20; ++again) {
    EXPECT_EQ(host_.Stop(*std::move(late)), StopKind::kFast);
    late = host_.StartUntil(spec, MonotonicNow());
  }
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason(), "INSTANCE_START_DEADLINE");
  EXPECT_EQ(host_.Find(spec.run_directory), std::nullopt);

  runtime::CancelSource cancel;
  cancel.Cancel(runtime::CancelReason::kClientGone);
  const auto unwanted = host_.StartUntil(spec, MonotonicNow() + 60 * kNanosPerSecond, &cancel);
  ASSERT_FALSE(unwanted);
  EXPECT_EQ(unwanted.error().reason(), "CANCELLED");
  EXPECT_EQ(host_.Find(spec.run_directory), std::nullopt);
  EXPECT_FALSE(testing::AnyProcessSays(spec.run_directory));
}

TEST_P(RuntimeTest, AnIdleServerIsSmall) {
  auto instance = host_.Start(copies_.Clone(StoppedTemplate(), "a"));
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "SELECT 1"), "1");
  const auto usage = host_.Run([&] { return (*instance)->Usage(); });
  ASSERT_TRUE(usage) << usage.error().ToString();
  EXPECT_GE(usage->processes, 4);
  EXPECT_GT(usage->memory_bytes, 1U << 20);
  // Alone it has the pages that it would share with others, so this is the bound from above.
  EXPECT_LT(usage->memory_bytes, 64U << 20);
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
}

// What the source's configuration says does not reach what the source is connected to.
TEST_P(RuntimeTest, OverridesWin) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  AppendText(spec.data_directory + "/postgresql.conf",
             "listen_addresses = '*'\nport = 1\narchive_mode = on\narchive_command = 'touch /x'\n"
             "synchronous_standby_names = 'far'\nrestore_command = 'cp x y'\n"
             "data_directory = '/var/lib/parent'\nhba_file = '/etc/parent/hba.conf'\n"
             "primary_conninfo = 'host=parent'\nlog_statement = all\nfsync = on\nwork_mem = 7MB\n"
             "logging_collector = on\nunix_socket_directories = '/run/parent'\n"
             "cron.launch_active_jobs = on\n");
  AppendText(spec.data_directory + "/postgresql.auto.conf", "shared_buffers = '1TB'\n");
  auto instance = host_.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  const auto show = [&](const std::string& name) { return Query(**instance, "SHOW " + name); };
  EXPECT_EQ(show("listen_addresses"), "");
  EXPECT_EQ(show("archive_mode"), "off");
  EXPECT_EQ(show("archive_command"), "(disabled)");
  EXPECT_EQ(show("synchronous_standby_names"), "");
  EXPECT_EQ(show("restore_command"), "");
  EXPECT_EQ(show("primary_conninfo"), "");
  EXPECT_EQ(show("data_directory"), spec.data_directory);
  EXPECT_EQ(show("log_statement"), "none");
  EXPECT_EQ(show("fsync"), "off");
  EXPECT_EQ(show("shared_buffers"), "16MB");
  EXPECT_EQ(show("cron.launch_active_jobs"), "off");
  EXPECT_EQ(show("work_mem"), "7MB");  // and the rest stays
  EXPECT_EQ(Query(**instance, "CREATE TABLE commits_at_once (n int)"), "");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
}

TEST_P(RuntimeTest, SlotsAreGoneAndSubscriptionsSleep) {
  const InstanceSpec parent = copies_.Clone(StoppedTemplate(), "parent");
  auto instance = host_.Start(parent);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "SELECT pg_create_physical_replication_slot('p', true) IS NULL"),
            "f");
  EXPECT_EQ(Query(**instance, "SELECT pg_create_logical_replication_slot('l', 'pgoutput') IS NULL"),
            "f");
  EXPECT_EQ(Query(**instance,
                  "CREATE SUBSCRIPTION s CONNECTION 'host=/nowhere' PUBLICATION p "
                  "WITH (connect = false)"),
            "");
  EXPECT_EQ(Query(**instance, "ALTER SUBSCRIPTION s ENABLE"), "");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);

  instance = host_.Start(copies_.Clone(parent.data_directory, "branch"));
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "SELECT count(*) FROM pg_replication_slots"), "0");
  EXPECT_EQ(Query(**instance, "SELECT subname, subenabled FROM pg_subscription"), "s|t");
  EXPECT_EQ(
      Query(**instance, "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'logical%'"),
      "0");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
}

TEST_P(RuntimeTest, TablespacesOfTheVolumeAreTheBranchsOwn) {
  const InstanceSpec parent = copies_.Clone(StoppedTemplate(), "parent");
  const std::string space = parent.volume + "/space";
  std::filesystem::create_directory(space);
  ASSERT_EQ(::chown(space.c_str(), testing::TestUser().uid, testing::TestUser().gid), 0);
  auto instance = host_.Start(parent);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "CREATE TABLESPACE s LOCATION '" + space + "'"), "");
  EXPECT_EQ(Query(**instance, "CREATE TABLE t TABLESPACE s AS SELECT 'parent' AS who"), "");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);

  const InstanceSpec branch = copies_.CloneVolume(parent, "branch");
  instance = host_.Start(branch);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance,
                  "SELECT pg_tablespace_location(oid) FROM pg_tablespace "
                  "WHERE spcname = 's'"),
            branch.volume + "/space");
  EXPECT_EQ(Query(**instance, "UPDATE t SET who = 'branch'"), "");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);

  instance = host_.Start(parent);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "SELECT who FROM t"), "parent");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
}

TEST_P(RuntimeTest, StartsWithoutAConfigurationInTheDataDirectory) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  for (const char* name : {"postgresql.conf", "pg_hba.conf", "pg_ident.conf"}) {
    std::filesystem::remove(spec.data_directory + "/" + name);
  }
  auto instance = host_.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Query(**instance, "SHOW config_file"), spec.run_directory + "/server/postgresql.conf");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
}

TEST_P(RuntimeTest, NamesALibraryThatIsMissing) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  AppendText(spec.data_directory + "/postgresql.conf",
             "shared_preload_libraries = 'pg_stat_statements,no_such_thing'\n");
  const Error error = FailedStart(host_, spec);
  EXPECT_EQ(error.reason(), "PRELOAD_LIBRARY_MISSING");
  EXPECT_TRUE(error.message().contains("'no_such_thing'")) << error.message();
}

TEST_P(RuntimeTest, SaysWhyADamagedClusterDoesNotStart) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  std::filesystem::resize_file(spec.data_directory + "/global/pg_control", 8192);
  AppendText(spec.data_directory + "/global/pg_control", "");
  std::filesystem::remove_all(spec.data_directory + "/pg_wal");
  const Error error = FailedStart(host_, spec);
  EXPECT_EQ(error.reason(), "INSTANCE_START_FAILED");
  EXPECT_TRUE(error.message().contains("pg_wal")) << error.message();
  EXPECT_TRUE(error.message().contains(spec.run_directory + "/log")) << error.message();
}

TEST_P(RuntimeTest, RefusesWhatIsNotItsOwn) {
  InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  std::filesystem::create_directory_symlink("/var/tmp", spec.data_directory + "/pg_tblspc/1");
  EXPECT_EQ(FailedStart(host_, spec).reason(), "LINKS_OUTSIDE_VOLUME");
  std::filesystem::remove(spec.data_directory + "/pg_tblspc/1");

  std::filesystem::remove(spec.data_directory + "/PG_VERSION");
  EXPECT_EQ(FailedStart(host_, spec).reason(), "NOT_A_DATA_DIRECTORY");
  AppendText(spec.data_directory + "/PG_VERSION", "14\n");
  EXPECT_EQ(FailedStart(host_, spec).reason(), "POSTGRES_MAJOR_MISMATCH");

  spec.run_directory = copies_.path() + "/" + std::string(90, 'x');
  EXPECT_EQ(FailedStart(host_, spec).reason(), "RUN_DIRECTORY_TOO_LONG");
}

TEST_P(RuntimeTest, RefusesADirectoryThatAnotherServerHas) {
  const prism::testing::PostgresServer server;
  InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  spec.data_directory = server.data_directory();
  spec.volume = spec.data_directory;
  const Error error = FailedStart(host_, spec);
  EXPECT_EQ(error.reason(), "INSTANCE_RUNNING");
  EXPECT_TRUE(std::filesystem::exists(spec.data_directory + "/postmaster.pid"));
}

TEST_P(RuntimeTest, TheLogDoesNotGrowForEver) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  std::filesystem::create_directories(spec.run_directory);
  AppendText(spec.run_directory + "/log", std::string((1 << 20) + 1, 'x'));
  auto instance = host_.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
  EXPECT_EQ(std::filesystem::file_size(spec.run_directory + "/log.1"), (1U << 20) + 1);
  const std::string log = ReadText(spec.run_directory + "/log");
  EXPECT_TRUE(log.contains("database system is ready")) << log;
  EXPECT_FALSE(log.contains("xxx"));
}

}  // namespace prism::branching
