#include "branching/instances/data_directory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/os_error.h"
#include "base/strings.h"
#include "branching/instances/server_words.h"
#include "runtime/subprocess.h"

namespace prism::branching {
namespace {

namespace fs = std::filesystem;

constexpr MonoNanos kControlPatience = 10 * kNanosPerSecond;
constexpr std::size_t kMaxShown = 40;  // of what is no version

std::unexpected<Error> NotOne(const std::string& path, std::string_view what) {
  return std::unexpected(Error(Code::kFailedPrecondition, "NOT_A_DATA_DIRECTORY",
                               fmt::format("{} is not the data directory of a PostgreSQL server: "
                                           "{}; name the one that has PG_VERSION",
                                           path, what))
                             .With("path", path));
}

// The number in postmaster.pid alone says little: it may be of another machine or namespace, or
// used again. A server works in its data directory.
pid_t RunningServer(const std::string& path) {
  const std::optional<std::string> text = ReadServerFile(path + "/postmaster.pid");
  const std::optional<int> pid = text ? NumberOfFirstLine(*text) : std::nullopt;
  if (!pid || *pid <= 0) return 0;
  struct stat works_in{};
  struct stat directory{};
  if (::stat(fmt::format("/proc/{}/cwd", *pid).c_str(), &works_in) != 0 ||
      ::stat(path.c_str(), &directory) != 0) {
    const bool hidden = errno == EACCES;
    // Somebody else's process that may not be looked at: a server by its name.
    const std::optional<std::string> name = ReadServerFile(fmt::format("/proc/{}/comm", *pid));
    return hidden && name && base::Trim(*name) == "postgres\n" ? *pid : 0;
  }
  const bool same = works_in.st_dev == directory.st_dev && works_in.st_ino == directory.st_ino;
  return same ? *pid : 0;
}

// The links of one directory ("" or "pg_tblspc") that lead to directories, or nowhere.
Status AddLinks(const fs::path& path, const fs::path& below, std::vector<ClusterLink>& links) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path / below, error)) {
    const fs::path link = below / entry.path().filename();
    std::error_code ignored;  // what can't be looked at leads nowhere
    if (!entry.is_symlink(ignored) || entry.is_regular_file(ignored)) continue;
    if (link == "log") continue;  // we have our own
    const fs::path target = fs::read_symlink(entry.path(), ignored);
    links.push_back({link.string(), (path / below / target).lexically_normal()});
  }
  if (!error) return {};
  return std::unexpected(base::OsError(error.value(), "DATA_DIRECTORY_FILES",
                                       fmt::format("listing {}", (path / below).string())));
}

Result<std::vector<ClusterLink>> ReadLinks(const fs::path& path) {
  std::vector<ClusterLink> links;
  TRY(AddLinks(path, "", links));
  TRY(AddLinks(path, "pg_tblspc", links));
  std::ranges::sort(links, {}, &ClusterLink::path);
  return links;
}

}  // namespace

Result<DataDirectory> ReadDataDirectory(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return std::unexpected(base::OsError(errno, "DATA_DIRECTORY_FILES", "looking at " + path));
  }
  const std::optional<std::string> version = ReadServerFile(path + "/PG_VERSION");
  if (!version) return NotOne(path, "it has no PG_VERSION that can be read");
  const std::optional<int> major = NumberOfFirstLine(*version);
  if (!major || *major < 10) {
    return NotOne(
        path,
        fmt::format("its PG_VERSION says '{}', which is not 10 or newer",
                    base::Trim(version->substr(0, std::min(version->find('\n'), kMaxShown)))));
  }
  std::error_code error;
  if (!fs::is_regular_file(path + "/global/pg_control", error)) {
    return NotOne(path, "it has no global/pg_control");
  }
  DataDirectory directory{.path = path, .major = *major, .owner = status.st_uid};
  directory.standby =
      fs::exists(path + "/standby.signal", error) || fs::exists(path + "/recovery.signal", error);
  directory.running = RunningServer(path);
  TRY_ASSIGN(directory.links, ReadLinks(path));
  return directory;
}

bool IsBelow(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

Status CheckLinks(const DataDirectory& directory, std::string_view volume) {
  std::vector<std::string> outside;
  for (const ClusterLink& link : directory.links) {
    if (!IsBelow(link.target, volume)) {
      outside.push_back(fmt::format("{} -> {}", link.path, link.target));
    }
  }
  if (outside.empty()) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "LINKS_OUTSIDE_VOLUME",
            fmt::format("{} keeps data outside of {}: {}; a branch would write its parent's files. "
                        "Move these directories into {} and the links with them",
                        directory.path, volume, fmt::join(outside, ", "), volume))
          .With("links", fmt::format("{}", fmt::join(outside, ", "))));
}

runtime::Task<Result<ClusterControl>> ReadClusterControl(std::string path,
                                                         PostgresBinaries binaries) {
  Result<runtime::ProgramResult> asked =
      co_await runtime::RunProgram({.argv = {binaries.Program("pg_controldata"), "-D", path},
                                    .environment = {{"LC_ALL", "C"}},
                                    .max_output = 16 * 1024},
                                   MonotonicNow() + kControlPatience, nullptr);
  if (!asked) co_return std::unexpected(std::move(asked).error());
  if (!asked->status.ok()) {
    co_return std::unexpected(ControlUnreadable(base::Trim(asked->standard_error)));
  }
  co_return ParseClusterControl(asked->standard_output);
}

}  // namespace prism::branching
