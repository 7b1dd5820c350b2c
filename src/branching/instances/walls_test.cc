// The superuser of one branch tries to reach what is not its own.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "branching/instances/process_runtime.h"
#include "branching/instances/testing/cluster.h"
#include "branching/instances/testing/runtime_suite.h"

namespace prism::branching {
namespace {

using testing::Copies;
using testing::InstanceHost;
using testing::Query;

struct Listener {
  base::UniqueFd fd;
  int port = 0;
};

Listener ListenOnLoopback() {
  Listener listener{base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(listener.fd.get(), generic, size), 0);
  EXPECT_EQ(::listen(listener.fd.get(), 8), 0);
  EXPECT_EQ(::getsockname(listener.fd.get(), generic, &size), 0);
  listener.port = ntohs(address.sin_port);
  return listener;
}

// What a shell command of the server's superuser prints.
std::string Shell(const Instance& instance, const std::string& command) {
  return Query(instance,
               fmt::format("CREATE TEMP TABLE o (line text); COPY o FROM PROGRAM $p$({}) 2>&1 | "
                           "tr '\\t' ' '$p$; SELECT string_agg(line, E'\\n') FROM o",
                           command));
}

// Two branches of one template, the first one with a table; with the walls that there can be.
class WallsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"own", "other"}) {
      const InstanceSpec& spec =
          *specs_.insert(specs_.end(), copies_.Clone(StoppedTemplate(), name));
      auto instance = host_.Start(spec);
      ASSERT_TRUE(instance) << instance.error().ToString();
      instances_.push_back(*std::move(instance));
    }
  }
  void TearDown() override {
    for (auto& instance : instances_) {
      EXPECT_EQ(host_.Stop(std::move(instance)), StopKind::kFast);
    }
  }
  const Instance& own() { return *instances_[0]; }
  const InstanceSpec& other() { return specs_[1]; }

  Copies copies_;
  InstanceHost host_;
  std::vector<InstanceSpec> specs_;
  std::vector<std::unique_ptr<Instance>> instances_;
};

TEST_F(WallsTest, AShellWorksInside) {
  EXPECT_EQ(Shell(own(), "id -un; cat PG_VERSION; echo x > /tmp/x; cat /tmp/x"), "nobody\n15\nx");
  EXPECT_EQ(Shell(own(), "echo $((1 + 1)) > /dev/null; pwd"), specs_[0].data_directory);
}

TEST_F(WallsTest, FilesOfOthersAreNotThere) {
  const std::string file = other().data_directory + "/PG_VERSION";
  EXPECT_TRUE(Query(own(), fmt::format("SELECT pg_read_file('{}')", file))
                  .contains("No such file or directory"));
  for (const std::string& path :
       {file, other().run_directory, specs_[0].run_directory + "/log", std::string("/etc/shadow"),
        std::string("/root"), std::string("/home"), std::string("/var/lib")}) {
    EXPECT_TRUE(Shell(own(), "ls " + path).contains("No such file or directory")) << path;
  }
  EXPECT_TRUE(Query(own(), fmt::format("COPY (SELECT 1) TO '{}/x'", copies_.path()))
                  .contains("Permission denied"));
  EXPECT_TRUE(
      Shell(own(), "echo x > /usr/x; echo x > " + specs_[0].run_directory + "/server/pg_hba.conf")
          .contains("Read-only file system"));
}

TEST_F(WallsTest, SocketsAndProcessesOfOthersAreNotThere) {
  EXPECT_TRUE(Shell(own(), fmt::format("/usr/lib/postgresql/15/bin/psql -h {}/socket -U postgres "
                                       "-c 'SELECT 1'",
                                       other().run_directory))
                  .contains("No such file or directory"));
  const std::string processes = Shell(own(), "cat /proc/[0-9]*/cmdline | tr '\\0' ' '");
  EXPECT_TRUE(processes.contains(specs_[0].data_directory)) << processes;
  EXPECT_FALSE(processes.contains(other().data_directory)) << processes;
  EXPECT_TRUE(Shell(own(), fmt::format("kill -9 {}", instances_[1]->identity().pid))
                  .contains("No such process"));
  EXPECT_TRUE(instances_[1]->running());
}

TEST_F(WallsTest, NoNetwork) {
  const Listener listener = ListenOnLoopback();
  const auto connect = [&](const std::string& address) {
    return Shell(own(), fmt::format("bash -c 'echo x > /dev/tcp/{}'", address));
  };
  EXPECT_TRUE(connect(fmt::format("127.0.0.1/{}", listener.port)).contains("Connection refused"));
  EXPECT_TRUE(connect("192.0.2.1/80").contains("Network is unreachable"));
}

TEST_F(WallsTest, NothingLeadsOut) {
  // Descriptors that were left open: none is a directory, whose ".." would.
  EXPECT_EQ(Shell(own(), "for fd in /proc/1/fd/*; do test -d $fd && readlink $fd; done"), "");
  EXPECT_TRUE(Shell(own(), "ls /proc/1/root/home").contains("No such file or directory"));
  EXPECT_TRUE(Shell(own(), "grep NoNewPrivs /proc/self/status").ends_with("1"));
  EXPECT_TRUE(Shell(own(), "grep CapEff /proc/self/status").ends_with("0000000000000000"));
  EXPECT_TRUE(Shell(own(), "umount /tmp; mount -t tmpfs x /tmp").contains("must be superuser"));
  EXPECT_EQ(Shell(own(), "ulimit -c; ulimit -n; umask; cat /proc/self/oom_score_adj"),
            "0\n4096\n0077\n600");
}

// What `unprivileged` does without any right of root's.
int RunAs(InstanceUser user, const std::function<bool()>& unprivileged) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const bool changed = ::setgid(user.gid) == 0 && ::setuid(user.uid) == 0;
    ::_exit(changed && unprivileged() ? 0 : 1);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  return status;
}

// Through a user namespace.
TEST(UnprivilegedWallsTest, AreTheSame) {
  const std::string original = StoppedTemplate();
  Copies copies;
  InstanceSpec spec = copies.Clone(original, "a");
  const std::string home = std::filesystem::path(spec.run_directory).parent_path();
  const InstanceUser user = testing::TestUser();
  ASSERT_EQ(::chown(home.c_str(), user.uid, user.gid), 0);
  const auto starts = [&] {
    InstanceHost host;
    auto instance = host.Start(spec);
    if (!instance) {
      ADD_FAILURE() << instance.error().ToString();
      return false;
    }
    const bool right =
        ProbeIsolation(user).complete() &&
        Shell(**instance, "ls /root").contains("No such file or directory") &&
        Shell(**instance, "bash -c 'echo > /dev/tcp/192.0.2.1/80'").contains("unreachable") &&
        Shell(**instance, "grep CapEff /proc/self/status").ends_with("0000000000000000");
    const auto usage = host.Run([&] { return (*instance)->Usage(); });
    return host.Stop(*std::move(instance)) == StopKind::kFast && right && usage->memory_bytes > 0;
  };
  EXPECT_EQ(RunAs(user, starts), 0);
}

}  // namespace
}  // namespace prism::branching
