#include "branching/instances/process_tree.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace prism::branching {
namespace {

// Bounds of what we look at, far above what a server with its limits has.
constexpr std::size_t kMaxProcesses = 10'000;

template <class Number>
Number ParseNumber(std::string_view text) {
  text = base::Trim(text);
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Whether the process and we have the same namespace of this kind, so that its names are ours.
bool SharesNamespace(pid_t pid, std::string_view kind) {
  std::error_code error;
  const auto theirs =
      std::filesystem::read_symlink(fmt::format("/proc/{}/ns/{}", pid, kind), error);
  const auto ours = std::filesystem::read_symlink(fmt::format("/proc/self/ns/{}", kind), error);
  return !error && theirs == ours;
}

struct ProcessStat {
  std::string state;
  std::uint64_t start_time = 0;
};

// Nothing of what has ended.
std::optional<ProcessStat> ReadStat(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  // The second field may contain anything, spaces and parentheses too.
  const std::size_t end = text.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(end + 1));
  ProcessStat stat;
  fields >> stat.state;
  if (stat.state == "Z" || stat.state == "X") return std::nullopt;
  std::string field;
  constexpr int kState = 3;
  constexpr int kStartTime = 22;
  for (int i = kState; i < kStartTime; ++i) fields >> field;
  stat.start_time = ParseNumber<std::uint64_t>(field);
  return stat;
}

}  // namespace

std::optional<std::uint64_t> ProcessStartTime(pid_t pid) {
  const std::optional<ProcessStat> stat = ReadStat(pid);
  if (!stat) return std::nullopt;
  return stat->start_time;
}

base::UniqueFd OpenProcess(const InstanceIdentity& process) {
  base::UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  // Looked at after it was opened: now the number can't be another's any more.
  if (!fd || ProcessStartTime(process.pid) != process.start_time) return {};
  return fd;
}

bool StandsStill(const InstanceIdentity& process) {
  const std::optional<ProcessStat> stat = ReadStat(process.pid);
  return !stat || stat->start_time != process.start_time || stat->state == "T";
}

std::vector<InstanceIdentity> ProcessTree(pid_t root) {
  std::vector<pid_t> pids{root};
  std::vector<InstanceIdentity> tree;
  for (std::size_t i = 0; i < pids.size() && pids.size() < kMaxProcesses; ++i) {
    const std::optional<std::uint64_t> start_time = ProcessStartTime(pids[i]);
    if (!start_time) continue;
    tree.push_back({pids[i], *start_time});
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", pids[i]));
    for (pid_t child = 0; children >> child;) pids.push_back(child);
  }
  return tree;
}

InstanceUsage TreeUsage(pid_t root) {
  InstanceUsage usage;
  for (const auto& [pid, start_time] : ProcessTree(root)) {
    std::ifstream rollup(fmt::format("/proc/{}/smaps_rollup", pid));
    for (std::string line; std::getline(rollup, line);) {
      constexpr std::string_view kName = "Pss:";
      if (!line.starts_with(kName)) continue;
      ++usage.processes;
      usage.memory_bytes += ParseNumber<std::uint64_t>(line.substr(kName.size())) * 1024;
      break;
    }
  }
  return usage;
}

std::vector<int> SharedSegments(pid_t pid) {
  std::vector<int> segments;
  if (!SharesNamespace(pid, "ipc")) return segments;
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  for (std::string line; std::getline(maps, line);) {
    // address, rights, offset, device, inode, name; the inode of a segment is its identifier
    std::istringstream words(line);
    std::string skipped;
    int inode = 0;
    std::string name;
    words >> skipped >> skipped >> skipped >> skipped >> inode >> name;
    if (name.starts_with("/SYSV")) segments.push_back(inode);
  }
  return segments;
}

void RemoveSegments(const std::vector<int>& segments) {
  for (const int segment : segments) ::shmctl(segment, IPC_RMID, nullptr);
}

bool HasOpen(pid_t pid, int fd, const std::string& path) {
  struct stat theirs{};
  struct stat wanted{};
  return ::stat(fmt::format("/proc/{}/fd/{}", pid, fd).c_str(), &theirs) == 0 &&
         ::stat(path.c_str(), &wanted) == 0 && theirs.st_dev == wanted.st_dev &&
         theirs.st_ino == wanted.st_ino;
}

bool KillProcesses(const std::vector<InstanceIdentity>& processes, MonoNanos patience) {
  std::vector<base::UniqueFd> open;
  std::vector<pollfd> waiting;
  for (const InstanceIdentity& process : processes) {
    base::UniqueFd fd = OpenProcess(process);
    if (!fd) continue;
    ::syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0);
    waiting.push_back({.fd = fd.get(), .events = POLLIN, .revents = 0});
    open.push_back(std::move(fd));
  }
  const MonoNanos deadline = MonotonicNow() + patience;
  for (pollfd& one : waiting) {
    const MonoNanos left = std::max<MonoNanos>(deadline - MonotonicNow(), 0);
    if (::poll(&one, 1, static_cast<int>(left / kNanosPerMilli)) != 1) return false;
  }
  return true;
}

}  // namespace prism::branching
