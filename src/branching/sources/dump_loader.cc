#include "branching/sources/dump_loader.h"

#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "branching/sources/printed_error.h"

namespace prism::branching {

namespace {

using runtime::Task;

std::string SocketDirectory(const DumpTarget& target) {
  return std::filesystem::path(target.socket_path).parent_path().string();
}

// One that connects to the server.
PostgresProgram Connected(const DumpTarget& target, std::string name,
                          std::vector<std::string> arguments) {
  const std::string directory = SocketDirectory(target);
  PostgresProgram program{.binaries = target.binaries,
                          .name = std::move(name),
                          .arguments = std::move(arguments),
                          .writable = {directory}};
  program.arguments.emplace_back("--no-password");
  program.arguments.push_back("--host=" + directory);
  program.arguments.push_back("--username=" + target.superuser);
  return program;
}

// Of a script the first error is the end, and it is said without details, which have values.
PostgresProgram Script(const DumpTarget& target, const DumpFile& dump) {
  PostgresProgram psql =
      Connected(target, "psql",
                {"--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse",
                 "--set=SHOW_CONTEXT=never", "--dbname=postgres", "--file=-"});
  psql.input = dump.path;
  return psql;
}

// An archive knows the name of its database, which is one of a new cluster's own at times.
PostgresProgram Archive(const DumpTarget& target, const DumpFile& dump, bool with_owners) {
  PostgresProgram restore =
      Connected(target, "pg_restore",
                {"--exit-on-error", "--create", "--clean", "--if-exists", "--no-tablespaces",
                 "--no-subscriptions", "--dbname=template1"});
  if (!with_owners) {
    restore.arguments.emplace_back("--no-owner");
    restore.arguments.emplace_back("--no-privileges");
  }
  if (dump.format == DumpFormat::kDirectory) {
    restore.read_only.push_back(dump.path);
    restore.arguments.push_back(dump.path);
  } else {
    restore.input = dump.path;
  }
  return restore;
}

// What can be done about the most frequent mistakes.
std::string_view Advice(std::string_view error) {
  if (error.contains("role \"") && error.contains("does not exist")) {
    return "; give the roles of its cluster (pg_dumpall --roles-only) as branching.source.roles";
  }
  if (error.contains("Permission denied")) {
    return "; let the user that servers run as (branching.user) read it";
  }
  if (error.contains("extension \"") || error.contains("access file \"")) {
    return "; install the extension on this machine";
  }
  if (error.contains("invalid locale name")) return "; install the locale on this machine";
  return "";
}

Error NotLoaded(const std::string& path, const PostgresProgram& program,
                const runtime::ProgramResult& ended) {
  const std::string error = FirstPrintedError(ended.standard_error);
  return Error(
             Code::kFailedPrecondition, "DUMP_NOT_LOADED",
             fmt::format("{} could not be loaded, and nothing of it is kept: {} ({} of PostgreSQL "
                         "{}, {}){}",
                         path, error, program.name, program.binaries.major, ended.status.ToString(),
                         Advice(error)))
      .With("path", path);
}

Task<Status> Run(const PostgresPrograms* programs, PostgresProgram program, std::string path,
                 const std::atomic<bool>* stop) {
  CO_TRY_ASSIGN(const runtime::ProgramResult ended, co_await programs->Run(program, stop));
  if (ended.status.ok()) co_return Status();
  co_return std::unexpected(NotLoaded(path, program, ended));
}

Error Unreadable(const std::string& path, int newest, const std::string& error) {
  if (error.contains("unsupported version")) {
    return Error(Code::kFailedPrecondition, "DUMP_OF_NEWER_MAJOR",
                 fmt::format("the archive {} is of a newer PostgreSQL than {}, the newest that was "
                             "found here: {}; install that of the dump, or name its directory in "
                             "pg_bin_dirs",
                             path, newest, error))
        .With("path", path);
  }
  return Error(Code::kFailedPrecondition, "NOT_A_DUMP",
               fmt::format("the archive {} can't be read: {}{}", path, error, Advice(error)))
      .With("path", path);
}

}  // namespace

Task<Status> LoadDump(const PostgresPrograms* programs, DumpTarget target, DumpFile dump,
                      bool with_owners, const std::atomic<bool>* stop) {
  PostgresProgram program =
      IsScript(dump.format) ? Script(target, dump) : Archive(target, dump, with_owners);
  co_return co_await Run(programs, std::move(program), dump.path, stop);
}

Task<Status> AnalyzeAll(const PostgresPrograms* programs, DumpTarget target,
                        const std::atomic<bool>* stop) {
  PostgresProgram program =
      Connected(target, "vacuumdb",
                {"--all", "--freeze", "--analyze", "--quiet", "--maintenance-db=template1"});
  co_return co_await Run(programs, std::move(program), "what was loaded", stop);
}

Task<Result<int>> ReadArchiveMajor(const PostgresPrograms* programs, PostgresBinaries newest,
                                   DumpFile dump, const std::atomic<bool>* stop) {
  PostgresProgram program{
      .binaries = newest, .name = "pg_restore", .arguments = {"--list"}, .read_only = {}};
  if (dump.format == DumpFormat::kDirectory) {
    program.read_only.push_back(dump.path);
    program.arguments.push_back(dump.path);
  } else {
    program.input = dump.path;
  }
  CO_TRY_ASSIGN(const runtime::ProgramResult ended,
                co_await programs->Run(std::move(program), stop, /*keep_output=*/true));
  if (ended.status.ok()) co_return ReadDumpedMajor(ended.standard_output);
  co_return std::unexpected(
      Unreadable(dump.path, newest.major, FirstPrintedError(ended.standard_error)));
}

}  // namespace prism::branching
