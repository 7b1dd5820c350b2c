// Branches of a dump.
#pragma once

#include <optional>
#include <string>

#include "branching/branches/source.h"
#include "branching/branches/workshop.h"
#include "branching/instances/postgres_programs.h"
#include "branching/sources/dump_file.h"
#include "branching/sources/dump_loader.h"

namespace prism::branching {

// What pg_dump or pg_dumpall has written, loaded into a new cluster by the programs of its own
// major, or of the next one that is installed. Loaded again when it is written again.
//
// A dump of one database has no roles. With `roles` they come from a script of pg_dumpall
// --roles-only; without, all of an archive belongs to the superuser, and a script that names other
// owners can't be loaded.
//
// Errors of Look: those of ReadDumpFile and ReadArchiveMajor, FAILED_PRECONDITION:
// DUMP_OF_NEWER_MAJOR, DUMP_PASSWORD_MISSING (nobody could log in). Of Fill and Load: those of
// MakeCluster, LoadDump and EnsureSuperuser, ABORTED/SOURCE_CHANGED.
class DumpSource final : public Source {
 public:
  struct Options {
    std::string path;   // absolute, without links
    std::string roles;  // a script of pg_dumpall, as `path`; empty: none
    // Of the superuser, who is made when the dump does not bring it; empty: as the dump says.
    std::string password;
  };

  // All that is given outlives it.
  DumpSource(Workshop& workshop, const PostgresPrograms& programs, Options options);

  const std::string& name() const override { return name_; }
  std::optional<std::string> Moment() const override;
  runtime::Task<Result<SourceState>> Look() override;
  runtime::Task<Status> Fill(const SourceState& state, std::string volume,
                             const std::atomic<bool>* stop) override;
  runtime::Task<Status> Load(const SourceState& state, std::string socket_path,
                             const std::atomic<bool>* stop) override;

 private:
  struct Files {
    DumpFile dump;
    std::optional<DumpFile> roles;
    // Whether a script makes roles, the superuser among them.
    bool BringRoles() const { return roles || dump.format == DumpFormat::kClusterScript; }
  };
  Result<Files> ReadFiles() const;
  std::string MarkOf(const Files& files) const;
  Result<PostgresBinaries> ServerFor(int major) const;
  runtime::Task<Status> LoadFiles(DumpTarget target, Files files, const std::atomic<bool>* stop);

  Workshop& workshop_;
  const PostgresPrograms& programs_;
  const Options options_;
  const std::string name_;
  std::string bootstrap_;  // of the cluster that was made last: its first role
};

}  // namespace prism::branching
