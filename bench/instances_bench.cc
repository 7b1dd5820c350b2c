// From nothing to the first answer of a branch's server, beside the same program with the same
// arguments started by hand: fork, exec, wait for READY=1. PostgreSQL 15.
//
// All kinds take turns on one cluster that is always shut down cleanly; medians are printed. Times
// are to readiness, and from there to the answer to the first query. Then the memory of an idle
// server among 20: the sum of the PSS of its processes.
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "branching/instances/instance_settings.h"
#include "branching/instances/process_runtime.h"
#include "branching/instances/run_directory.h"
#include "branching/instances/testing/cluster.h"

namespace prism::branching {
namespace {

constexpr int kRounds = 30;
constexpr int kIdleServers = 20;

[[noreturn]] void Die(const std::string& what) {
  fmt::print(stderr, "{}\n", what);
  std::exit(1);
}

struct Kind {
  const char* name;
  std::vector<double> ready = {};  // milliseconds
  std::vector<double> answer = {};
};

double Millis(MonoNanos from, MonoNanos to) { return static_cast<double>(to - from) / 1e6; }

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// The plainest way to start a server that there is.
class ByHand {
 public:
  explicit ByHand(const InstanceSpec& spec) : directory_(spec.run_directory) {
    arguments_ = ServerArguments(spec.settings,
                                 {.data_directory = spec.data_directory,
                                  .socket_directory = directory_.socket_directory(),
                                  .hba_file = directory_.server() + "/pg_hba.conf",
                                  .ident_file = directory_.server() + "/pg_ident.conf",
                                  .config_file = "",
                                  .own_shared_memory = true},
                                 spec.binaries.major);
    arguments_.insert(arguments_.begin(), spec.binaries.Program("postgres"));
  }

  void Start() {
    const base::UniqueFd notices = Listen();
    std::vector<char*> argv;
    for (std::string& argument : arguments_) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const InstanceUser user = testing::TestUser();
    pid_ = ::fork();
    if (pid_ == 0) {
      const bool right = std::freopen(directory_.log().c_str(), "a", stderr) != nullptr &&
                         ::setgid(user.gid) == 0 && ::setuid(user.uid) == 0 &&
                         ::setenv("NOTIFY_SOCKET", directory_.notify_socket().c_str(), 1) == 0;
      if (right) ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    pollfd ready{.fd = notices.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 60'000) != 1) Die("the server by hand is not ready");
  }
  void Stop() const {
    ::kill(pid_, SIGINT);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  base::UniqueFd Listen() const {
    const std::string path = directory_.notify_socket();
    base::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::ranges::copy(path, std::begin(address.sun_path));
    ::unlink(path.c_str());
    const InstanceUser user = testing::TestUser();
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chown(path.c_str(), user.uid, user.gid) != 0) {
      Die("can't listen on " + path);
    }
    return fd;
  }

  RunDirectory directory_;
  std::vector<std::string> arguments_;
  pid_t pid_ = -1;
};

void Answer(const std::string& socket_path, MonoNanos start, Kind& kind) {
  const MonoNanos ready = MonotonicNow();
  const std::string answer = testing::Query(socket_path, "SELECT 1");
  if (answer != "1") Die(answer);
  kind.ready.push_back(Millis(start, ready));
  kind.answer.push_back(Millis(ready, MonotonicNow()));
}

void StartOurs(testing::InstanceHost& host, const InstanceSpec& spec, Kind& kind) {
  const MonoNanos start = MonotonicNow();
  auto instance = host.Start(spec);
  if (!instance) Die(instance.error().ToString());
  Answer((*instance)->socket_path(), start, kind);
  if (!host.Stop(*std::move(instance))) Die("can't stop");
}

void StartByHand(ByHand& server, const InstanceSpec& spec, Kind& kind) {
  const MonoNanos start = MonotonicNow();
  server.Start();
  Answer(RunDirectory(spec.run_directory).socket(), start, kind);
  server.Stop();
}

void Print(const Kind& kind, const Kind& floor) {
  const double ready = Median(kind.ready);
  const double answer = Median(kind.answer);
  fmt::print(
      "{:<12} ready {:6.1f} ms  first answer {:6.1f} ms  in all {:6.1f} ms  {:5.2f}x by hand\n",
      kind.name, ready, answer, ready + answer,
      (ready + answer) / (Median(floor.ready) + Median(floor.answer)));
}

void MeasureMemory(testing::InstanceHost& host, testing::Copies& copies,
                   const std::string& data_directory) {
  std::vector<std::unique_ptr<Instance>> servers;
  for (int i = 0; i < kIdleServers; ++i) {
    auto instance = host.Start(copies.Clone(data_directory, fmt::format("idle{}", i)));
    if (!instance) Die(instance.error().ToString());
    testing::Query(**instance, "SELECT 1");
    servers.push_back(*std::move(instance));
  }
  std::vector<double> mebibytes;
  for (auto& server : servers) {
    const auto usage = host.Run([&] { return server->Usage(); });
    if (!usage) Die(usage.error().ToString());
    mebibytes.push_back(static_cast<double>(usage->memory_bytes) / (1 << 20));
  }
  fmt::print("memory of one of {} idle servers: {:.1f} MiB\n", kIdleServers, Median(mebibytes));
  for (auto& server : servers) {
    if (!host.Stop(std::move(server))) Die("can't stop");
  }
}

}  // namespace
}  // namespace prism::branching

int main() {
  using namespace prism::branching;  // NOLINT(google-build-using-namespace): a program of its own
  testing::Copies copies;
  const InstanceSpec spec = copies.Clone(copies.MakeCluster(), "bench");
  testing::InstanceHost walled;
  testing::InstanceHost open(testing::Processes(false));
  for (const std::string& missing : ProbeIsolation(testing::TestUser()).missing) {
    fmt::print("no wall: {}\n", missing);
  }
  Kind by_hand{"by hand"};
  Kind no_walls{"no walls"};
  Kind all_walls{"all walls"};
  Kind warm_up{"warm-up"};
  StartOurs(open, spec, warm_up);
  ByHand server(spec);
  for (int round = 0; round < kRounds; ++round) {
    StartByHand(server, spec, by_hand);
    StartOurs(open, spec, no_walls);
    StartOurs(walled, spec, all_walls);
  }
  for (const Kind* kind : {&by_hand, &no_walls, &all_walls}) Print(*kind, by_hand);
  MeasureMemory(walled, copies, spec.data_directory);
  return 0;
}
