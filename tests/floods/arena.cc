#include "tests/floods/arena.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <system_error>

#include "base/testing/rounds.h"
#include "tests/floods/process_memory.h"

namespace prism::floods {
namespace {

using std::chrono::milliseconds;

constexpr double kP99Milliseconds = 50;
constexpr int kAttempts = 3;
constexpr int kClients = 8;
// Rare enough that a call which takes its time delays no later one.
constexpr milliseconds kCallEvery{50};
constexpr milliseconds kControlTime{400};

double CpuSeconds(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream rest(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double user = 0;
  double system = 0;
  rest >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// Time on a processor, and time in the queue for one (Documentation/scheduler/sched-stats.rst).
struct Scheduled {
  double ran = 0;
  double waited = 0;
};

Scheduled ScheduledTime(pid_t pid) {
  Scheduled total;
  std::error_code gone;  // a thread that has just ended
  for (const auto& task :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), gone)) {
    std::ifstream file(task.path() / "schedstat");
    double ran = 0;
    double waited = 0;
    if (file >> ran >> waited) total = {.ran = total.ran + ran, .waited = total.waited + waited};
  }
  return total;
}

// How much longer the server needed for everything because others, the attackers among them, had
// the processors: what comes from other machines would not take them away.
double Slowdown(const Scheduled& before, const Scheduled& after) {
  const double ran = std::max(after.ran - before.ran, 1.0);
  return 1 + (after.waited - before.waited) / ran;
}

// What the same clients had to wait before the attack is the machine's, not the server's.
double AllowedP99(const Report& report) {
  return kP99Milliseconds * report.slowdown + 2 * report.control.Quantile(0.99);
}

std::uint64_t AllowedMemory(const Report& report) {
  return floods::AllowedMemory(report.attack.most_open + kClients);
}

void Print(const Attack& attack, const Report& report) {
  const double sent = static_cast<double>(std::max<std::uint64_t>(report.attack.sent, 1));
  fmt::print(
      "{}: sent {:.1f} MB in {:.1f} s; {}; RSS {:.0f} MB + {:.1f} MB (allowed {:.1f}); server CPU "
      "{:.2f} s, "
      "{:.1f} ns a byte; others p50/p99/max {:.2f}/{:.2f}/{:.2f} ms of {} (before: "
      "{:.2f}/{:.2f}; slowed down {:.1f} times: allowed {:.0f})\n",
      attack.name, sent / 1e6, report.attack.seconds, report.attack.Describe(),
      static_cast<double>(report.idle_bytes) / 1e6, static_cast<double>(report.grown_bytes()) / 1e6,
      static_cast<double>(AllowedMemory(report)) / 1e6, report.server_cpu_seconds,
      report.server_cpu_seconds * 1e9 / sent, report.during.Quantile(0.5),
      report.during.Quantile(0.99), report.during.Quantile(1), report.during.milliseconds.size(),
      report.control.Quantile(0.5), report.control.Quantile(0.99), report.slowdown,
      AllowedP99(report));
  std::fflush(stdout);
}

void Judge(const Attack& attack, const Report& report) {
  EXPECT_EQ(report.during.failures, 0) << attack.name << ": " << report.during.first_failure;
  EXPECT_FALSE(report.during.milliseconds.empty()) << attack.name << ": nobody else was served";
  if (kSanitized) return;
  EXPECT_LE(report.during.Quantile(0.99), AllowedP99(report)) << attack.name;
  EXPECT_LE(report.grown_bytes(), AllowedMemory(report)) << attack.name;
}

// A client that comes now is served like those before.
void ExpectServes(const Attack& attack, const rpc::ChannelOptions& server) {
  Bystanders newcomer(server, 1, kCallEvery);
  Latencies after;
  while (after.milliseconds.empty()) {
    testing::LetRun(kCallEvery);
    after = newcomer.Take();
  }
  EXPECT_EQ(after.failures, 0) << attack.name << ", afterwards: " << after.first_failure;
}

}  // namespace

bool Sanitized() { return kSanitized; }

bool Soaking() { return base::Rounds(0, 1) == 1; }

milliseconds AttackTime() { return milliseconds(base::Rounds(1'000, 20'000)); }

rpc::ChannelOptions Arena::Server(const testing::PrismProcess& gateway) const {
  return {.target = gateway.data_address(), .tls = tls_};
}

Report Arena::RunOnce(const Attack& attack, testing::PrismProcess& gateway) {
  Bystanders bystanders(Server(gateway), kClients, kCallEvery);
  Report report;
  testing::LetRun(kControlTime);
  report.control = bystanders.Take();
  const pid_t pid = gateway.pid();
  report.idle_bytes = StatusBytes(pid, "VmRSS:");
  ResetPeak(pid);
  const double cpu = CpuSeconds(pid);
  const Scheduled scheduled = ScheduledTime(pid);
  Siege siege(gateway.data_address(), attack);
  report.attack = siege.Run();
  report.during = bystanders.Take();
  report.slowdown = Slowdown(scheduled, ScheduledTime(pid));
  report.server_cpu_seconds = CpuSeconds(pid) - cpu;
  report.peak_bytes = StatusBytes(pid, "VmHWM:");
  Print(attack, report);
  return report;
}

Report Arena::Run(const Attack& attack) {
  for (int attempt = 1;; ++attempt) {
    testing::PrismProcess gateway(options_);
    gateway.Start();
    prepare_(gateway.data_address());
    Report report = RunOnce(attack, gateway);
    // On a machine without any time left the server rightly sheds calls.
    const bool served = report.during.failures == 0 &&
                        (kSanitized || report.during.Quantile(0.99) <= AllowedP99(report));
    if (!served && attempt < kAttempts) continue;
    Judge(attack, report);
    ExpectServes(attack, Server(gateway));
    return report;
  }
}

}  // namespace prism::floods
