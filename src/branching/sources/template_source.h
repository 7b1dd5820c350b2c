// Branches of a data directory that is stopped.
#pragma once

#include <optional>
#include <string>

#include "branching/branches/copy_progress.h"
#include "branching/branches/source.h"
#include "branching/branches/workshop.h"

namespace prism::branching {

// What initdb or a clean shutdown leaves. Only read, and never started.
//
// Errors of Look: those of ReadDataDirectory, CheckLinks and PostgresServers, FAILED_PRECONDITION:
// SOURCE_RUNNING, SOURCE_NOT_STOPPED, SOURCE_IS_STANDBY.
class TemplateSource final : public Source {
 public:
  // `directory`: absolute, without links. The workshop outlives it.
  TemplateSource(Workshop& workshop, std::string directory);

  const std::string& name() const override { return directory_; }
  std::optional<std::string> Moment() const override;
  runtime::Task<Result<SourceState>> Look() override;
  runtime::Task<Status> Fill(const SourceState& state, std::string volume,
                             const std::atomic<bool>* stop) override;
  TransferProgress copied() const override { return copied_.done(); }

 private:
  Status Import(const std::string& volume, const std::atomic<bool>& stop);

  Workshop& workshop_;
  const std::string directory_;
  CopyProgress copied_;
};

}  // namespace prism::branching
