// Branches of a server that Prism runs itself.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "branching/branches/source.h"
#include "branching/branches/workshop.h"
#include "branching/instances/postgres_programs.h"
#include "runtime/shard.h"
#include "runtime/wait.h"

namespace prism::branching {

// A base backup that takes less is no burden.
inline constexpr MonoNanos kQuickCopy = 5 * kNanosPerSecond;

// A data directory that stays where it is, and is made when it is not there; its server runs from
// the first look on, durable, and goes on when we end. Its states are base backups, taken while it
// runs: right on any storage. It has moved on when a transaction that wrote has ended.
//
// Errors of Look and SocketPath: those of ReadManagedDirectory, MakeCluster and Runtime,
// UNAVAILABLE/SOURCE_UNREADABLE with what the server said. Of Fill:
// FAILED_PRECONDITION/BASE_BACKUP_FAILED.
class ManagedSource final : public Source, public SourceServer {
 public:
  struct Options {
    std::string directory;  // absolute, without links but for what is not there
    // Ours, and there. Gets the run directory of the server, and in a file for us alone the
    // password of the superuser of a cluster that is made here.
    std::string home;
    std::string password_file = "source-password";  // the name of that file
    InstanceUser user;                              // that servers run as
  };

  // All that is given outlives it, `home` (the shard of all calls) runs.
  ManagedSource(runtime::Shard& home, Workshop& workshop, const PostgresPrograms& programs,
                Options options);

  const std::string& name() const override { return name_; }
  // It can't be seen from outside: a look asks the server, which is cheap.
  std::optional<std::string> Moment() const override { return std::nullopt; }
  runtime::Task<Result<SourceState>> Look() override;
  runtime::Task<Status> Fill(const SourceState& state, std::string volume,
                             const std::atomic<bool>* stop) override;
  SourceServer* server() override { return this; }
  // Copying what takes long takes at most an eleventh of the time, however much is written.
  static constexpr MonoNanos RestAfter(MonoNanos copying) {
    return copying < kQuickCopy ? 0 : 10 * copying;
  }
  MonoNanos Rest() const override { return RestAfter(last_copy_); }
  runtime::Task<void> Close() override;
  runtime::Task<Status> End() override;

  // Starts it when it does not run. Any number of callers.
  runtime::Task<Result<std::string>> SocketPath() override;
  Result<std::string> LogPath() const override;

 private:
  runtime::Task<Status> Run();
  runtime::Task<Status> MakeDirectory();
  runtime::Task<Status> StartOrAdopt();
  std::string PasswordFile() const { return options_.home + "/" + options_.password_file; }
  Result<std::string> RunPath() const;
  Status GivePassword() const;
  Result<SourceState> Ask(const std::string& socket_path) const;

  runtime::Shard& home_;
  Workshop& workshop_;
  const PostgresPrograms& programs_;
  const Options options_;
  const std::string name_;
  std::unique_ptr<Instance> instance_;
  PostgresBinaries binaries_;  // of the instance
  MonoNanos last_copy_ = 0;    // how long it took
  bool starting_ = false;
  runtime::Event started_;  // or not: whoever waits looks again
};

}  // namespace prism::branching
