#include "branching/storage/zfs_dataset.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

#include "branching/storage/store_error.h"
#include "branching/storage/zfs_command.h"

namespace prism::branching::internal {
namespace {

// A mount as a line of /proc/self/mountinfo has it, see proc(5).
struct MountLine {
  std::uint64_t id = 0;
  std::string type;
  std::string source;
};

MountLine ParseMount(const std::string& line) {
  MountLine mount;
  std::istringstream(line) >> mount.id;
  const std::size_t rest = line.find(" - ");
  if (rest == std::string::npos) return mount;
  std::istringstream(line.substr(rest + 3)) >> mount.type >> mount.source;
  return mount;
}

// `\040` stands for a blank.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int value = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(digits, digits + 3, value, 8).ptr == digits + 3) {
      plain += static_cast<char>(value);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// Of zfs-fuse, too.
bool IsZfs(const MountLine& mount) { return mount.type == "zfs" || mount.type == "fuse.zfs"; }

void Assign(Dataset& dataset, std::string_view property, std::string_view value) {
  if (property == "origin" && value != "-") dataset.origin = value;
  std::uint64_t bytes = 0;
  std::from_chars(value.data(), value.data() + value.size(), bytes);
  if (property == "used") dataset.used = bytes;
  if (property == "referenced") dataset.referenced = bytes;
}

template <class Matches>
std::vector<Dataset> Matching(const std::vector<Dataset>& all, Matches matches) {
  std::vector<Dataset> found;
  for (const Dataset& dataset : all) {
    if (matches(dataset.name)) found.push_back(dataset);
  }
  return found;
}

// Marks them to go when nobody needs them: at once, or with their last clone.
Status DropSnapshots(const base::UniqueFd& lock, const std::vector<Dataset>& snapshots) {
  for (const Dataset& snapshot : snapshots) {
    const auto done = RunZfs(lock, {"destroy", "-d", snapshot.name});
    if (!done && done.error().code() != Code::kNotFound) return std::unexpected(done.error());
  }
  return {};
}

}  // namespace

Result<std::string> DatasetOf(const std::string& directory) {
  struct statx status = {};
  if (::statx(AT_FDCWD, directory.c_str(), AT_NO_AUTOMOUNT, STATX_MNT_ID, &status) != 0) {
    return std::unexpected(StoreError(errno, fmt::format("look at {}", directory)));
  }
  std::ifstream table("/proc/self/mountinfo");
  for (std::string line; std::getline(table, line);) {
    const MountLine mount = ParseMount(line);
    if (mount.id == status.stx_mnt_id && IsZfs(mount)) return Unescape(mount.source);
  }
  return std::unexpected(Error(Code::kFailedPrecondition, "STORE_DRIVER_UNSUITABLE",
                               fmt::format("{} is not on ZFS", directory)));
}

Result<std::vector<Dataset>> ListDatasets(const base::UniqueFd& lock, const std::string& parent) {
  TRY_ASSIGN(const std::string text,
             RunZfs(lock, {"get", "-r", "-H", "-p", "-o", "name,property,value",
                           "origin,used,referenced", parent}));
  std::vector<Dataset> all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find('\t');
    const std::size_t second = line.find('\t', first + 1);
    if (second == std::string::npos) continue;
    const std::string name = line.substr(0, first);
    if (all.empty() || all.back().name != name) all.push_back({.name = name, .origin = {}});
    Assign(all.back(), std::string_view(line).substr(first + 1, second - first - 1),
           std::string_view(line).substr(second + 1));
  }
  return all;
}

const Dataset* FindDataset(const std::vector<Dataset>& all, const std::string& name) {
  const auto found = std::ranges::find(all, name, &Dataset::name);
  return found == all.end() ? nullptr : &*found;
}

std::vector<Dataset> SnapshotsOf(const std::vector<Dataset>& all, const std::string& name) {
  return Matching(all, [&](const std::string& other) { return other.starts_with(name + "@"); });
}

const Dataset* LastClone(const std::vector<Dataset>& all, const std::vector<Dataset>& snapshots) {
  for (auto snapshot = snapshots.rbegin(); snapshot != snapshots.rend(); ++snapshot) {
    const auto clone = std::ranges::find(all, snapshot->name, &Dataset::origin);
    if (clone != all.end()) return &*clone;
  }
  return nullptr;
}

Status DestroyDataset(const base::UniqueFd& lock, const std::string& parent,
                      const std::string& name) {
  const std::string whole = fmt::format("{}/{}", parent, name);
  TRY_ASSIGN(const std::vector<Dataset> all, ListDatasets(lock, parent));
  const std::vector<Dataset> snapshots = SnapshotsOf(all, whole);
  TRY(DropSnapshots(lock, snapshots));
  // The clone gets the snapshots up to its own, and the others that were made of them.
  if (const Dataset* const heir = LastClone(all, snapshots)) {
    TRY(RunZfs(lock, {"promote", heir->name}));
  }
  if (FindDataset(all, whole) != nullptr) TRY(RunZfs(lock, {"destroy", whole}));
  // Of a clone that was killed half-way.
  return DropSnapshots(lock, Matching(all, [&](const std::string& other) {
                         return other.ends_with("@" + name) && !other.starts_with(whole + "@");
                       }));
}

}  // namespace prism::branching::internal
