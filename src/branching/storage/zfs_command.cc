#include "branching/storage/zfs_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "branching/storage/store_error.h"
#include "runtime/spawn.h"

namespace prism::branching::internal {
namespace {

// Not in the PATH of everyone who is root.
constexpr const char* kPlaces = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct Ended {
  int status = 0;
  std::string output;
  std::string errors;
};

Result<std::string> ReadAll(const base::UniqueFd& file) {
  std::string text;
  std::array<char, 16384> part;
  for (off_t at = 0;; at = static_cast<off_t>(text.size())) {
    const ssize_t size = ::pread(file.get(), part.data(), part.size(), at);
    if (size < 0) return std::unexpected(StoreError(errno, "read what zfs said"));
    if (size == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(size));
  }
}

Result<Ended> Run(const std::string& program, const base::UniqueFd& lock,
                  const std::vector<std::string>& arguments) {
  const base::UniqueFd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const base::UniqueFd output(::memfd_create("zfs", MFD_CLOEXEC));
  const base::UniqueFd errors(::memfd_create("zfs", MFD_CLOEXEC));
  const base::UniqueFd held(::fcntl(lock.get(), F_DUPFD_CLOEXEC, 4));
  if (!input || !output || !errors || !held) return std::unexpected(StoreError(errno, "run zfs"));
  std::vector<std::string> argv = {"zfs"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  TRY_ASSIGN(const runtime::Spawned spawned,
             runtime::Spawn({.program = program,
                             .argv = std::move(argv),
                             .environment = {"LC_ALL=C", fmt::format("PATH={}", kPlaces)},
                             .working_directory = "/",
                             .standard_fds = {input.get(), output.get(), errors.get()},
                             .fourth_fd = held.get(),
                             .outlives_us = true}));
  Ended ended;
  while (::waitpid(spawned.pid, &ended.status, 0) < 0) {
    if (errno != EINTR) return std::unexpected(StoreError(errno, "wait for zfs"));
  }
  TRY_ASSIGN(ended.output, ReadAll(output));
  TRY_ASSIGN(ended.errors, ReadAll(errors));
  return ended;
}

struct Meaning {
  std::string_view text;  // what the program says
  Code code;
  std::string_view reason;
};

constexpr std::array kMeanings = {
    Meaning{" is busy", Code::kFailedPrecondition, "STORE_BUSY"},
    Meaning{"evice busy", Code::kFailedPrecondition, "STORE_BUSY"},
    Meaning{"resource busy", Code::kFailedPrecondition, "STORE_BUSY"},
    Meaning{"out of space", Code::kResourceExhausted, "DISK_FULL"},
    Meaning{"No space left", Code::kResourceExhausted, "DISK_FULL"},
    Meaning{"quota exceeded", Code::kResourceExhausted, "DISK_FULL"},
    Meaning{"ermission denied", Code::kPermissionDenied, "STORE_DENIED"},
    Meaning{"not permitted", Code::kPermissionDenied, "STORE_DENIED"},
    Meaning{"already exists", Code::kAlreadyExists, "STORE_ZFS"},
    Meaning{"does not exist", Code::kNotFound, "STORE_ZFS"},
};

Error Explain(const std::vector<std::string>& arguments, const Ended& ended) {
  std::string said = ended.errors;
  while (said.ends_with('\n')) said.pop_back();
  std::string message = fmt::format("`zfs {}` failed with status {}: {}", fmt::join(arguments, " "),
                                    ended.status, said);
  const auto* const found = std::ranges::find_if(
      kMeanings, [&said](const Meaning& meaning) { return said.contains(meaning.text); });
  if (found == kMeanings.end()) {
    return Error(Code::kFailedPrecondition, "STORE_ZFS", std::move(message));
  }
  return Error(found->code, found->reason, std::move(message));
}

}  // namespace

Result<std::string> RunZfs(const base::UniqueFd& lock, const std::vector<std::string>& arguments) {
  const Result<std::string> program = runtime::FindProgram("zfs", kPlaces);
  if (!program) {
    return std::unexpected(Error(Code::kFailedPrecondition, "STORE_NO_ZFS",
                                 "The program zfs is not there. Install the tools of ZFS "
                                 "(Debian: zfsutils-linux)."));
  }
  TRY_ASSIGN(Ended ended, Run(*program, lock, arguments));
  if (ended.status == 0) return std::move(ended.output);
  return std::unexpected(Explain(arguments, ended));
}

}  // namespace prism::branching::internal
