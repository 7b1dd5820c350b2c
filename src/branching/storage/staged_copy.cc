#include "branching/storage/staged_copy.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "branching/storage/file_copy.h"
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

// "" is the tree's root.
std::string Parent(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

}  // namespace

Status StagedCopy::Begin() {
  settled_ = JustBeforeNow();
  TRY_ASSIGN(before_, ReadTree(from_));
  // FICLONE does so too, but keeps everybody from the file meanwhile.
  if (options_.method == FileMethod::kClone) TRY(FlushTree(before_));
  CopyOptions options = options_;
  options.may_vanish = true;
  TRY(CopyTree(before_, to_, options));
  return options_.method == FileMethod::kClone ? ReadClones() : Status();
}

Status StagedCopy::ReadClones() {
  TRY_ASSIGN(const base::UniqueFd to, OpenDirectory(to_));
  for (const TreeEntry& entry : before_.entries) {
    const struct stat& status = entry.status;
    // It will be opened for writing, and links are not told from what they link to.
    if (!S_ISREG(status.st_mode) || (status.st_mode & S_IWUSR) == 0 || status.st_nlink > 1) {
      continue;
    }
    const base::UniqueFd clone = OpenBeneath(to.get(), entry.path, O_RDONLY | O_NOFOLLOW);
    FileExtents extents;
    // What has vanished before it was cloned is not there.
    if (clone &&
        IsWorthChanging(clone.get(), static_cast<std::uint64_t>(status.st_size), extents)) {
      cloned_.emplace(entry.path, std::move(extents));
    }
  }
  return {};
}

bool StagedCopy::CanChange(const TreeEntry& before, const TreeEntry& now) const {
  return cloned_.contains(now.path) && S_ISREG(now.status.st_mode) && now.status.st_nlink == 1 &&
         before.status.st_ino == now.status.st_ino;
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
  std::unordered_set<std::string> fresh_directories;
  std::vector<TreeEntry> fresh;
  for (TreeEntry& entry : now.entries) {
    const auto before = left.find(entry.path);
    // In another directory of the same name it is another, however old it is.
    const bool stays = before != left.end() && !fresh_directories.contains(Parent(entry.path));
    const bool unchanged = stays && IsUnchanged(*before->second, entry);
    if (unchanged || (stays && CanChange(*before->second, entry))) left.erase(before);
    if (unchanged) continue;
    if (IsDirectory(entry)) fresh_directories.insert(entry.path);
    fresh.push_back(std::move(entry));
  }
  std::vector<const TreeEntry*> stale;
  for (const TreeEntry& entry : before_.entries) {
    if (!left.contains(entry.path)) continue;
    cloned_.erase(entry.path);
    stale.push_back(&entry);
  }
  TRY(RemoveStale(stale));
  now.entries = std::move(fresh);
  CopyOptions options = options_;
  options.cloned = &cloned_;
  return CopyTree(now, to_, options);
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
