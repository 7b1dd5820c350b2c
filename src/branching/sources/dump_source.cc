#include "branching/sources/dump_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "branching/instances/pool_work.h"
#include "branching/sources/new_cluster.h"
#include "branching/sources/superuser.h"

namespace prism::branching {

namespace {

using runtime::Task;

Error PasswordMissing(const std::string& path) {
  return {Code::kFailedPrecondition, "DUMP_PASSWORD_MISSING",
          fmt::format("the dump {} brings no roles, so nobody could log in: give its superuser a "
                      "password (password), or the roles of its cluster (roles, of pg_dumpall "
                      "--roles-only)",
                      path)};
}

Error NoRoles(const std::string& path) {
  return {
      Code::kFailedPrecondition, "NOT_A_DUMP",
      fmt::format("{} is no script of roles: name what pg_dumpall --roles-only has written", path)};
}

Error Changed(const std::string& path) {
  return {
      Code::kAborted, "SOURCE_CHANGED",
      fmt::format("the dump {} was written while it was being loaded: it is loaded again", path)};
}

Error OfNewerMajor(const std::string& path, int major, int newest) {
  return {Code::kFailedPrecondition, "DUMP_OF_NEWER_MAJOR",
          fmt::format("the dump {} is of PostgreSQL {}, and the newest that was found here is {}: "
                      "install postgresql-{}, or name its directory in pg_bin_dirs",
                      path, major, newest, major)};
}

}  // namespace

DumpSource::DumpSource(Workshop& workshop, const PostgresPrograms& programs, Options options)
    : workshop_(workshop),
      programs_(programs),
      options_(std::move(options)),
      name_("dump " + options_.path) {}

Result<DumpSource::Files> DumpSource::ReadFiles() const {
  Files files;
  TRY_ASSIGN(files.dump, ReadDumpFile(options_.path));
  if (options_.roles.empty()) return files;
  TRY_ASSIGN(files.roles, ReadDumpFile(options_.roles));
  if (files.roles->format == DumpFormat::kClusterScript) return files;
  return std::unexpected(NoRoles(options_.roles));
}

std::string DumpSource::MarkOf(const Files& files) const {
  std::string mark = fmt::format("{} {}", name_, files.dump.moment);
  if (files.roles) mark += fmt::format(" roles {} {}", options_.roles, files.roles->moment);
  return mark;
}

std::optional<std::string> DumpSource::Moment() const {
  auto files = ReadFiles();
  if (!files) return std::nullopt;
  return MarkOf(*files);
}

// Programs of its own major know best what is in it, and newer ones can load it, too.
Result<PostgresBinaries> DumpSource::ServerFor(int major) const {
  const std::vector<PostgresBinaries>& all = workshop_.servers.all();
  const auto newest = std::ranges::max_element(all, {}, &PostgresBinaries::major);
  if (newest == all.end()) return workshop_.servers.ForMajor(major);
  if (major > newest->major) {
    return std::unexpected(OfNewerMajor(options_.path, major, newest->major));
  }
  const PostgresBinaries* best = &*newest;
  for (const PostgresBinaries& one : all) {
    if (major != 0 && one.major >= major && one.major < best->major) best = &one;
  }
  return *best;
}

Task<Result<SourceState>> DumpSource::Look() {
  auto read = co_await RunOnPool(workshop_.pool, [this] { return ReadFiles(); });
  CO_TRY_ASSIGN(Files files, std::move(read));
  if (!files.BringRoles() && options_.password.empty()) {
    co_return std::unexpected(PasswordMissing(options_.path));
  }
  if (!IsScript(files.dump.format)) {
    static const std::atomic<bool> kNever = false;  // it takes no time
    CO_TRY_ASSIGN(PostgresBinaries newest, ServerFor(0));
    auto asked = co_await ReadArchiveMajor(&programs_, std::move(newest), files.dump, &kNever);
    CO_TRY_ASSIGN(files.dump.major, std::move(asked));
  }
  CO_TRY_ASSIGN(PostgresBinaries binaries, ServerFor(files.dump.major));
  co_return SourceState{.mark = MarkOf(files), .binaries = std::move(binaries)};
}

// A script that makes roles makes the superuser too, so the cluster needs another one until then,
// of a name that no dump has.
Task<Status> DumpSource::Fill(const SourceState& state, std::string volume,
                              const std::atomic<bool>* stop) {
  auto read = co_await RunOnPool(workshop_.pool, [this] { return ReadFiles(); });
  CO_TRY_ASSIGN(const Files files, std::move(read));
  bootstrap_ =
      files.BringRoles() ? "prism_" + volume.substr(volume.size() - 12) : workshop_.superuser;
  Status created =
      co_await RunOnPool(workshop_.pool, [&] { return workshop_.storage.Create(volume); });
  CO_TRY(std::move(created));
  CO_TRY_ASSIGN(std::string path, workshop_.storage.Path(volume));
  co_return co_await MakeCluster(&programs_, state.binaries, std::move(path), bootstrap_,
                                 /*synchronise=*/false, stop);
}

Task<Status> DumpSource::Load(const SourceState& state, std::string socket_path,
                              const std::atomic<bool>* stop) {
  auto read = co_await RunOnPool(workshop_.pool, [this] { return ReadFiles(); });
  CO_TRY_ASSIGN(Files files, std::move(read));
  const DumpTarget target{
      .binaries = state.binaries, .socket_path = socket_path, .superuser = bootstrap_};
  Status loaded = co_await LoadFiles(target, std::move(files), stop);
  auto looked = co_await RunOnPool(workshop_.pool, [this] { return ReadFiles(); });
  if (!looked || MarkOf(*looked) != state.mark) co_return std::unexpected(Changed(options_.path));
  CO_TRY(std::move(loaded));
  Status ensured = co_await RunOnPool(workshop_.pool, [&] {
    return EnsureSuperuser(socket_path, bootstrap_, workshop_.superuser, options_.password);
  });
  CO_TRY(std::move(ensured));
  Status analyzed = co_await AnalyzeAll(&programs_, target, stop);
  if (analyzed || analyzed.error().code() == Code::kCancelled) co_return analyzed;
  workshop_.logger.Failure("dump_not_analyzed", analyzed.error());
  co_return Status();
}

Task<Status> DumpSource::LoadFiles(DumpTarget target, Files files, const std::atomic<bool>* stop) {
  if (files.roles) {
    Status made = co_await LoadDump(&programs_, target, *files.roles, true, stop);
    CO_TRY(std::move(made));
  }
  co_return co_await LoadDump(&programs_, target, files.dump, files.BringRoles(), stop);
}

}  // namespace prism::branching
