// On a real engine: tests/servers/docker.py runs this program.
#include "branching/containers/docker_runtime.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "branching/instances/testing/cluster.h"
#include "branching/instances/testing/runtime_suite.h"

namespace prism::branching {
namespace {

DockerOptions Options() {
  return {.socket = std::getenv("PRISM_TEST_DOCKER"),
          .image = std::getenv("PRISM_TEST_IMAGE"),
          .home = "/prism-test"};
}

testing::MakeRuntime InContainers(DockerOptions options) {
  return [options = std::move(options)](
             InstanceUser user, runtime::BlockingPool* pool) -> Result<std::unique_ptr<Runtime>> {
    return DockerRuntime::Make(options, user, pool);
  };
}

INSTANTIATE_TEST_SUITE_P(Containers, RuntimeTest,
                         ::testing::Values(RuntimeKind{.name = "docker",
                                                       .make = InContainers(Options()),
                                                       .end_of_killed = "has ended",
                                                       .longest_start = 500}),
                         [](const auto& info) { return info.param.name; });

class DockerRuntimeTest : public ::testing::Test {
 protected:
  // How many containers of ours there are.
  std::size_t Containers() const {
    return DockerEngine(Options().socket).List("prism.home=" + Options().home)->size();
  }
  // Why none is made.
  static std::string Refusal(const DockerOptions& options) {
    runtime::BlockingPool pool(1, 1);
    const auto made = DockerRuntime::Make(options, testing::TestUser(), &pool);
    pool.Stop();
    return made ? "made" : std::string(made.error().reason());
  }

  Copies copies_;
  InstanceHost host_{InContainers(Options())};
};

// What a shell command of the server's superuser prints.
std::string Shell(const Instance& instance, const std::string& command) {
  return Query(instance, "CREATE TEMP TABLE o (line text); COPY o FROM PROGRAM $p$(" + command +
                             ") 2>&1 | tr '\\t' ' '$p$; SELECT string_agg(line, E'\\n') FROM o");
}

TEST_F(DockerRuntimeTest, LooksIntoTheImage) {
  const auto& server = static_cast<DockerRuntime&>(host_.runtime()).server();
  EXPECT_EQ(server.major, 15);
  EXPECT_EQ(server.bin_directory, "/usr/lib/postgresql/15/bin");
}

TEST_F(DockerRuntimeTest, NothingIsLeftOfAServer) {
  auto instance = host_.Start(copies_.Clone(StoppedTemplate(), "a"));
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(Containers(), 1U);
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
  EXPECT_EQ(Containers(), 0U);
}

TEST_F(DockerRuntimeTest, TheWallsAreThoseOfTheContainer) {
  const InstanceSpec other = copies_.Clone(StoppedTemplate(), "other");
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "own");
  auto instance = host_.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  const auto shell = [&](const std::string& command) { return Shell(**instance, command); };
  EXPECT_EQ(shell("id -u; cat PG_VERSION; echo x > /tmp/x; cat /tmp/x"), "65534\n15\nx");
  EXPECT_TRUE(shell("ls " + other.data_directory).contains("No such file or directory"));
  EXPECT_TRUE(shell("echo x > /usr/x").contains("Read-only file system"));
  EXPECT_TRUE(shell("echo x > " + spec.run_directory + "/lock").contains("Read-only file system"));
  EXPECT_EQ(shell("ls /sys/class/net"), "lo");
  EXPECT_TRUE(shell("cat /proc/self/status | tr '\\n' ' '").contains("CapEff: 0000000000000000"));
  EXPECT_EQ(shell("umask; ulimit -n; cat /proc/self/oom_score_adj"), "0077\n4096\n500");
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);
}

// Whoever was killed between making a container and starting it left one that nobody knows.
TEST_F(DockerRuntimeTest, ContainersWithoutAServerAreRemoved) {
  const DockerEngine engine(Options().socket);
  const std::string container = R"({"Image": ")" + Options().image +
                                R"(", "Cmd": ["/bin/true"], "Labels": {"prism.home": ")" +
                                Options().home + R"("}})";
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  ASSERT_TRUE(engine.Create(ContainerName(spec.run_directory), container));
  EXPECT_EQ(host_.Find(spec.run_directory), std::nullopt);
  EXPECT_EQ(Containers(), 0U);

  ASSERT_TRUE(engine.Create(ContainerName(spec.run_directory), container));
  auto instance = host_.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  EXPECT_EQ(host_.Stop(*std::move(instance)), StopKind::kFast);

  ASSERT_TRUE(engine.Create("elsewhere", container));
  EXPECT_EQ(Refusal(Options()), "made");
  EXPECT_EQ(Containers(), 0U);
}

// When somebody changes branching.runtime while servers run.
TEST_F(DockerRuntimeTest, TheOtherRuntimeFindsItsServersToo) {
  const InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  auto instance = host_.Start(spec);
  ASSERT_TRUE(instance) << instance.error().ToString();
  host_.Leave(*std::move(instance));
  InstanceHost processes;
  EXPECT_EQ(processes.Start(spec).error().reason(), "INSTANCE_RUNNING");
  const auto found = processes.Find(spec.run_directory);
  ASSERT_TRUE(found && *found);
  auto adopted = processes.Adopt(spec.run_directory, **found);
  ASSERT_TRUE(adopted) << adopted.error().ToString();
  EXPECT_EQ(Query(**adopted, "SELECT 1"), "1");
  EXPECT_EQ(processes.Stop(*std::move(adopted)), StopKind::kFast);
  EXPECT_EQ(host_.Find(spec.run_directory), std::nullopt);
}

TEST_F(DockerRuntimeTest, ReadsControlFiles) {
  InstanceSpec spec = copies_.Clone(StoppedTemplate(), "a");
  const auto read = [&] {
    return host_.Run(
        [&] { return host_.runtime().ReadControl(spec.data_directory, spec.binaries); });
  };
  const auto control = read();
  ASSERT_TRUE(control) << control.error().ToString();
  EXPECT_EQ(control->state, ClusterState::kShutDown);
  std::filesystem::remove(spec.data_directory + "/global/pg_control");
  EXPECT_EQ(read().error().reason(), "CONTROL_FILE_UNREADABLE");
  EXPECT_EQ(Containers(), 0U);
}

TEST_F(DockerRuntimeTest, SaysWhatIsMissing) {
  DockerOptions options = Options();
  options.image = "postgres:0";
  EXPECT_EQ(Refusal(options), "IMAGE_NOT_FOUND");
  options = Options();
  options.network = "far";
  EXPECT_EQ(Refusal(options), "NETWORK_NOT_FOUND");
  options = Options();
  options.socket = copies_.path() + "/nothing";
  EXPECT_EQ(Refusal(options), "DOCKER_UNREACHABLE");
}

}  // namespace
}  // namespace prism::branching
