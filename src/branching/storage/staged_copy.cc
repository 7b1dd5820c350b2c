#include "branching/storage/staged_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <ranges>
#include <unordered_map>
#include <utility>

#include "branching/storage/store_error.h"

namespace prism::branching::internal {
namespace {

// Times of files move by ticks of the kernel, 10 ms at most (100 Hz): two changes within one look
// like one.
constexpr long kTickNanos = 20'000'000;
constexpr long kSecond = 1'000'000'000;

bool IsBefore(const timespec& left, const timespec& right) {
  return left.tv_sec != right.tv_sec ? left.tv_sec < right.tv_sec : left.tv_nsec < right.tv_nsec;
}

timespec JustBeforeNow() {
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  now.tv_nsec -= kTickNanos;
  if (now.tv_nsec < 0) {
    now.tv_nsec += kSecond;
    --now.tv_sec;
  }
  return now;
}

bool IsDirectory(const TreeEntry& entry) { return S_ISDIR(entry.status.st_mode); }

}  // namespace

Status StagedCopy::Begin() {
  settled_ = JustBeforeNow();
  TRY_ASSIGN(before_, ReadTree(from_));
  CopyOptions options = options_;
  options.may_vanish = true;
  return CopyTree(before_, to_, options);
}

bool StagedCopy::IsUnchanged(const TreeEntry& before, const TreeEntry& now) const {
  const struct stat& was = before.status;
  const struct stat& is = now.status;
  if (was.st_ino != is.st_ino || (was.st_mode & S_IFMT) != (is.st_mode & S_IFMT)) return false;
  if (IsDirectory(now)) return true;  // what is in it is looked at by itself
  // Both: clocks may be set back.
  const bool same = was.st_ctim.tv_sec == is.st_ctim.tv_sec &&
                    was.st_ctim.tv_nsec == is.st_ctim.tv_nsec && was.st_size == is.st_size;
  return same && IsBefore(is.st_ctim, settled_);
}

Status StagedCopy::Finish() {
  TRY_ASSIGN(Tree now, ReadTree(from_));
  std::unordered_map<std::string, const TreeEntry*> left;  // of Begin, and not seen yet
  for (const TreeEntry& entry : before_.entries) left.emplace(entry.path, &entry);
  std::vector<TreeEntry> fresh;
  for (TreeEntry& entry : now.entries) {
    const auto before = left.find(entry.path);
    if (before != left.end() && IsUnchanged(*before->second, entry)) {
      left.erase(before);
    } else {
      fresh.push_back(std::move(entry));
    }
  }
  std::vector<const TreeEntry*> stale;
  for (const TreeEntry& entry : before_.entries) {
    if (left.contains(entry.path)) stale.push_back(&entry);
  }
  TRY(RemoveStale(stale));
  now.entries = std::move(fresh);
  return CopyTree(now, to_, options_);
}

// What is in a directory before the directory.
Status StagedCopy::RemoveStale(const std::vector<const TreeEntry*>& stale) const {
  TRY_ASSIGN(const base::UniqueFd to, OpenDirectory(to_));
  for (const TreeEntry* entry : std::views::reverse(stale)) {
    const int flags = IsDirectory(*entry) ? AT_REMOVEDIR : 0;
    // What had vanished was not copied.
    if (::unlinkat(to.get(), entry->path.c_str(), flags) == 0 || errno == ENOENT) continue;
    return std::unexpected(StoreError(errno, fmt::format("remove {}/{} again", to_, entry->path)));
  }
  return {};
}

}  // namespace prism::branching::internal
