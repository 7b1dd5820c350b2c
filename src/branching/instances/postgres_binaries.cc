#include "branching/instances/postgres_binaries.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/strings.h"
#include "runtime/subprocess.h"

namespace prism::branching {
namespace {

namespace fs = std::filesystem;

constexpr MonoNanos kVersionPatience = 10 * kNanosPerSecond;
constexpr std::string_view kDebianDirectory = "/usr/lib/postgresql";

bool HasServer(const fs::path& directory) {
  std::error_code ignored;  // what can't be looked at is not there for us
  return fs::is_regular_file(directory / "postgres", ignored);
}

// Where servers usually are, newest first, each once, only those that exist.
std::vector<std::string> UsualDirectories(std::string_view search_path) {
  std::vector<fs::path> candidates;
  std::error_code ignored;
  for (const fs::directory_entry& version : fs::directory_iterator(kDebianDirectory, ignored)) {
    candidates.push_back(version.path() / "bin");
  }
  std::ranges::sort(candidates, std::ranges::greater{});
  while (!search_path.empty()) {
    const std::size_t end = std::min(search_path.find(':'), search_path.size());
    if (search_path.starts_with('/')) candidates.emplace_back(search_path.substr(0, end));
    search_path.remove_prefix(std::min(end + 1, search_path.size()));
  }
  std::vector<std::string> found;
  for (const fs::path& candidate : candidates) {
    if (HasServer(candidate)) found.push_back(candidate.string());
  }
  return found;
}

// Whether the program has this name among its symbols: it is there as text.
bool Imports(const std::string& program, std::string_view symbol) {
  std::ifstream file(program, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return text.contains(symbol);
}

runtime::Task<Result<PostgresBinaries>> Ask(std::string directory) {
  std::error_code error;
  const fs::path real = fs::canonical(directory, error);
  if (error || !HasServer(real)) {
    co_return std::unexpected(
        Error(Code::kNotFound, "POSTGRES_NOT_FOUND",
              fmt::format("there is no program 'postgres' in {}; name the directory that has it, "
                          "such as /usr/lib/postgresql/15/bin",
                          directory))
            .With("directory", directory));
  }
  Result<runtime::ProgramResult> asked = co_await runtime::RunProgram(
      {.argv = {(real / "postgres").string(), "--version"}, .max_output = 4096},
      MonotonicNow() + kVersionPatience, nullptr);
  if (!asked) co_return std::unexpected(std::move(asked).error());
  CO_TRY_ASSIGN(PostgresBinaries binaries, ParsePostgresVersion(asked->standard_output));
  binaries.bin_directory = real.string();
  binaries.notifies = Imports(binaries.Program("postgres"), "sd_notify");
  co_return binaries;
}

Error Missing(int major, const std::vector<PostgresBinaries>& servers, const std::string& image) {
  std::vector<std::string> names;
  for (const PostgresBinaries& one : servers) {
    names.push_back(fmt::format("{} in {}", one.major, image.empty() ? one.bin_directory : image));
  }
  const std::string advice =
      image.empty()
          ? fmt::format("install postgresql-{} or name its directory in pg_bin_dirs", major)
          : fmt::format("name an image of PostgreSQL {} (branching.image)", major);
  return Error(Code::kFailedPrecondition, "POSTGRES_MAJOR_MISSING",
               fmt::format("PostgreSQL {} is needed and not found (found: {}); {}", major,
                           names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")),
                           advice))
      .With("major", fmt::format("{}", major));
}

}  // namespace

Result<PostgresBinaries> ParsePostgresVersion(std::string_view text) {
  constexpr std::string_view kPrefix = "postgres (PostgreSQL) ";
  PostgresBinaries binaries;
  if (text.starts_with(kPrefix)) {
    const std::string_view version = text.substr(kPrefix.size(), text.find('\n') - kPrefix.size());
    const auto [end, error] =
        std::from_chars(version.data(), version.data() + version.size(), binaries.major);
    binaries.version = version;
    if (error == std::errc{} && binaries.major >= 10) return binaries;
  }
  return std::unexpected(
      Error(Code::kFailedPrecondition, "POSTGRES_VERSION",
            fmt::format("'{}' is not the version of a PostgreSQL server that is 10 or newer",
                        base::Trim(text.substr(0, std::min<std::size_t>(text.size(), 80))))));
}

runtime::Task<Result<PostgresServers>> PostgresServers::Find(std::vector<std::string> directories,
                                                             std::string search_path) {
  if (directories.empty()) directories = UsualDirectories(search_path);
  PostgresServers servers;
  for (const std::string& directory : directories) {
    CO_TRY_ASSIGN(PostgresBinaries binaries, co_await Ask(directory));
    if (!servers.ForMajor(binaries.major)) servers.servers_.push_back(std::move(binaries));
  }
  co_return servers;
}

PostgresServers PostgresServers::OfImage(PostgresBinaries server, const std::string& image) {
  PostgresServers servers;
  servers.servers_.push_back(std::move(server));
  servers.image_ = image;
  return servers;
}

Result<PostgresBinaries> PostgresServers::ForMajor(int major) const {
  const auto found = std::ranges::find(servers_, major, &PostgresBinaries::major);
  if (found != servers_.end()) return *found;
  return std::unexpected(Missing(major, servers_, image_));
}

}  // namespace prism::branching
