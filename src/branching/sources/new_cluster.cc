#include "branching/sources/new_cluster.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "branching/sources/printed_error.h"

namespace prism::branching {

runtime::Task<Status> MakeCluster(const PostgresPrograms* programs, PostgresBinaries binaries,
                                  std::string directory, std::string superuser, bool synchronise,
                                  const std::atomic<bool>* stop) {
  // Its own rules are for who starts it by hand: servers of ours have theirs beside it.
  std::vector<std::string> arguments = {
      "--pgdata=" + directory, "--username=" + superuser, "--encoding=UTF8",   "--locale=C.UTF-8",
      "--data-checksums",      "--auth-local=peer",       "--auth-host=reject"};
  if (!synchronise) arguments.emplace_back("--no-sync");
  CO_TRY_ASSIGN(const runtime::ProgramResult ended,
                co_await programs->Run({.binaries = std::move(binaries),
                                        .name = "initdb",
                                        .arguments = std::move(arguments),
                                        .writable = {directory}},
                                       stop));
  if (ended.status.ok()) co_return Status();
  co_return std::unexpected(
      Error(Code::kFailedPrecondition, "INITDB_FAILED",
            fmt::format("no new cluster can be made in {}: {} ({})", directory,
                        FirstPrintedError(ended.standard_error), ended.status.ToString())));
}

}  // namespace prism::branching
