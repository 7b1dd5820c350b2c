#include "branching/sources/dump_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace prism::branching {

namespace {

namespace fs = std::filesystem;

// The version of a cluster's dump comes behind its roles.
constexpr std::size_t kHead = std::size_t{1} << 20;
constexpr std::size_t kTail = 1024;
constexpr std::size_t kTitle = 1024;  // in which a script says what it is

constexpr std::string_view kClusterTitle = "-- PostgreSQL database cluster dump\n";
constexpr std::string_view kDatabaseTitle = "-- PostgreSQL database dump\n";
constexpr std::string_view kClusterEnd = "-- PostgreSQL database cluster dump complete\n";
constexpr std::string_view kDatabaseEnd = "-- PostgreSQL database dump complete\n";

struct Compression {
  std::string_view magic;
  std::string_view program;
};
constexpr auto kCompressions = std::to_array<Compression>({{"\x1f\x8b", "gunzip"},
                                                           {"\x28\xb5\x2f\xfd", "unzstd"},
                                                           {"\xfd"
                                                            "7zXZ",
                                                            "unxz"},
                                                           {"BZh", "bunzip2"},
                                                           {"\x04\x22\x4d\x18", "unlz4"}});

std::unexpected<Error> NotADump(const std::string& path, std::string_view what) {
  return std::unexpected(
      Error(Code::kFailedPrecondition, "NOT_A_DUMP",
            fmt::format("{} {}: name what pg_dump or pg_dumpall has written", path, what))
          .With("path", path));
}

Error NotFound(const std::string& path) {
  return Error(Code::kNotFound, "DUMP_NOT_FOUND",
               fmt::format("the dump {} can't be read: name a file or directory of pg_dump or "
                           "pg_dumpall that this user can read",
                           path))
      .With("path", path);
}

// From `offset` on, at most `most` bytes.
std::string ReadPart(const std::string& path, std::uint64_t offset, std::size_t most) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  std::string text(most, '\0');
  file.read(text.data(), static_cast<std::streamsize>(most));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

std::string MomentOf(const struct stat& status) {
  return fmt::format("size {} written {}.{:09}", status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec);
}

// A member of a tar archive has its name first, and the magic of POSIX at 257.
bool IsTar(std::string_view head) {
  constexpr std::size_t kMagicAt = 257;
  return head.starts_with(std::string_view("toc.dat\0", 8)) && head.size() > kMagicAt + 5 &&
         head.substr(kMagicAt, 5) == "ustar";
}

// Its data are written after its list of contents.
Result<DumpFile> ReadDirectory(const std::string& path) {
  std::error_code failed;
  if (!fs::is_regular_file(path + "/toc.dat", failed)) {
    return NotADump(path, "is a directory without a toc.dat that can be read");
  }
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  fs::file_time_type last = fs::file_time_type::min();
  for (const fs::directory_entry& entry : fs::directory_iterator(path, failed)) {
    std::error_code gone;  // then the next look finds another moment
    ++files;
    bytes += entry.is_regular_file(gone) ? entry.file_size(gone) : 0;
    last = std::max(last, entry.last_write_time(gone));
  }
  if (failed) return std::unexpected(NotFound(path));
  return DumpFile{.path = path,
                  .format = DumpFormat::kDirectory,
                  .major = 0,
                  .moment = fmt::format("files {} size {} written {}", files, bytes,
                                        last.time_since_epoch().count())};
}

Result<DumpFile> ReadScript(const std::string& path, const struct stat& status,
                            std::string_view head) {
  const bool is_cluster = head.substr(0, kTitle).contains(kClusterTitle);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const std::string tail = ReadPart(path, size - std::min<std::uint64_t>(size, kTail), kTail);
  if (!tail.contains(is_cluster ? kClusterEnd : kDatabaseEnd)) {
    return std::unexpected(
        Error(Code::kFailedPrecondition, "DUMP_INCOMPLETE",
              fmt::format("the dump {} does not end as dumps do: it is still being written, or was "
                          "cut off; wait for it, or take it again",
                          path))
            .With("path", path));
  }
  return DumpFile{.path = path,
                  .format = is_cluster ? DumpFormat::kClusterScript : DumpFormat::kDatabaseScript,
                  .major = ReadDumpedMajor(head),
                  .moment = MomentOf(status)};
}

Result<DumpFile> ReadFile(const std::string& path, const struct stat& status) {
  const std::string head = ReadPart(path, 0, kHead);
  if (head.starts_with("PGDMP") || IsTar(head)) {
    return DumpFile{
        .path = path, .format = DumpFormat::kArchive, .major = 0, .moment = MomentOf(status)};
  }
  const std::string_view title = std::string_view(head).substr(0, kTitle);
  if (title.contains(kClusterTitle) || title.contains(kDatabaseTitle)) {
    return ReadScript(path, status, head);
  }
  for (const auto& [magic, program] : kCompressions) {
    if (head.starts_with(magic)) {
      return NotADump(path, fmt::format("is compressed ({} it first)", program));
    }
  }
  if (head.empty()) return NotADump(path, "is empty, or can't be read by this user");
  return NotADump(path, "is neither an archive nor begins as scripts of pg_dump do");
}

}  // namespace

bool IsScript(DumpFormat format) {
  return format == DumpFormat::kDatabaseScript || format == DumpFormat::kClusterScript;
}

Result<DumpFile> ReadDumpFile(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return std::unexpected(NotFound(path));
  if (S_ISDIR(status.st_mode)) return ReadDirectory(path);
  if (S_ISREG(status.st_mode)) return ReadFile(path, status);
  return NotADump(path, "is neither a file nor a directory");
}

int ReadDumpedMajor(std::string_view text) {
  constexpr std::string_view kWords = "Dumped from database version";
  const std::size_t at = text.find(kWords);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + kWords.size());
  if (text.starts_with(':')) text.remove_prefix(1);
  if (text.starts_with(' ')) text.remove_prefix(1);
  int major = 0;
  std::from_chars(text.data(), text.data() + text.size(), major);
  return std::max(major, 0);
}

}  // namespace prism::branching
