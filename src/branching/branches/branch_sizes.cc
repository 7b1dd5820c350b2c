// What branches take up, measured beside everything else, and what their servers print.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/os_error.h"
#include "base/unique_fd.h"
#include "branching/branches/branch_manager.h"
#include "branching/instances/pool_work.h"
#include "branching/instances/run_directory.h"
#include "runtime/sync_wait.h"
#include "runtime/wait.h"

namespace prism::branching {

using runtime::Task;
namespace fs = std::filesystem;

namespace {

constexpr MonoNanos kLook = 5 * kNanosPerSecond;
// What runs changes all the time.
constexpr WallMillis kMeasureAgain = 5 * 60 * 1000;
constexpr MonoNanos kRetry = 60 * kNanosPerSecond;

bool HasData(BranchState state) {
  return state == BranchState::kStopped || state == BranchState::kRunning;
}

bool IsDue(const BranchSlot& slot, WallMillis now) {
  if (!HasData(slot.state) || MonotonicNow() < slot.measure_after) return false;
  if (!slot.size) return true;
  const WallMillis measured = slot.size->measured_at;
  if (slot.state == BranchState::kRunning) return now - measured >= kMeasureAgain;
  return measured <= slot.branch.last_activity;
}

Error LogError(const std::string& path) {
  return base::OsError(errno, "BRANCH_LOG", "reading " + path);
}

// The last `bytes` of a file, from the beginning of a line on.
Result<std::string> ReadEnd(const std::string& path, std::size_t bytes) {
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::string();  // no server ran yet
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0) return std::unexpected(LogError(path));
  const auto size = static_cast<std::size_t>(status.st_size);
  const std::size_t from = size - std::min(size, bytes);
  std::string text(size - from, '\0');
  const ssize_t got = ::pread(file.get(), text.data(), text.size(), static_cast<off_t>(from));
  if (got < 0) return std::unexpected(LogError(path));
  text.resize(static_cast<std::size_t>(got));
  if (from > 0) text.erase(0, std::min(text.find('\n'), text.size() - 1) + 1);
  return text;
}

// Of all servers that have their run directories in this one. What has gone meanwhile has no log.
Status BoundLogs(const fs::path& directory) {
  Status bounded;
  std::error_code failed;
  fs::directory_iterator entry(directory, failed);
  for (; !failed && entry != fs::directory_iterator(); entry.increment(failed)) {
    if (!entry->is_directory(failed)) continue;
    if (Status done = RunDirectory(entry->path().string()).BoundLog(); !done) bounded = done;
  }
  return bounded;
}

// Of branches, and of sources, whose directories are beside those.
Status BoundAllLogs(const fs::path& run_directory) {
  TRY(BoundLogs(run_directory));
  return BoundLogs(run_directory.parent_path());
}

}  // namespace

Task<void> BranchManager::KeepLogsShort() {
  MonoNanos pause = kLook;
  while (!co_await runtime::SleepUntil(home_, MonotonicNow() + pause, &cancel_)) {
    const Status bounded = co_await RunOnPool(
        workshop_.pool, [this] { return BoundAllLogs(workshop_.run_directory); });
    pause = bounded ? kLook : kRetry;
    if (!bounded) workshop_.logger.Failure("server_log_not_bounded", bounded.error());
  }
}

Task<void> BranchManager::KeepMeasuring() {
  while (!cancel_.cancelled()) {
    const std::shared_ptr<BranchSlot> slot = NextToMeasure();
    if (slot == nullptr) {
      const MonoNanos next = MonotonicNow() + kLook;
      if (co_await runtime::SleepUntil(home_, next, &cancel_)) co_return;
      continue;
    }
    // The clock may have gone back since somebody was in it: measured is measured.
    const WallMillis now = std::max(workshop_.clock.Now(), slot->branch.last_activity);
    const std::string volume = slot->branch.volume;
    const auto usage =
        co_await RunOnPool(workshop_.pool, [&] { return workshop_.storage.Measure(volume); });
    if (slot->branch.volume != volume) continue;
    if (usage) {
      slot->size = BranchSize{.usage = *usage, .measured_at = now + 1};
    } else {
      slot->measure_after = MonotonicNow() + kRetry;
      workshop_.logger.Failure("branch_not_measured", usage.error(),
                               {{"branch", slot->branch.name}});
    }
  }
}

std::shared_ptr<BranchSlot> BranchManager::NextToMeasure() {
  const WallMillis now = workshop_.clock.Now();
  const auto due =
      std::ranges::find_if(slots_, [now](const auto& slot) { return IsDue(*slot.second, now); });
  return due == slots_.end() ? nullptr : due->second;
}

Task<Result<std::string>> BranchManager::LogPathOf(std::string name) {
  const auto source = sources_.find(name);
  if (source != sources_.end()) {
    SourceServer* const server = source->second.follower->server();
    if (server != nullptr) co_return server->LogPath();
  }
  CO_TRY_ASSIGN(const BranchSlot* const slot, Find(name));
  co_return RunDirectory(workshop_.RunDirectoryOf(slot->branch.volume)).log();
}

Result<std::string> BranchManager::ReadLog(const std::string& name, std::size_t bytes) {
  TRY_ASSIGN(const std::string path,
             runtime::RunOn(home_, [this, &name] { return LogPathOf(name); }));
  return ReadEnd(path, bytes);
}

}  // namespace prism::branching
