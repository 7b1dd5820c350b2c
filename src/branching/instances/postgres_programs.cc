#include "branching/instances/postgres_programs.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <utility>

namespace prism::branching {

namespace {

using runtime::Task;

// How often it is looked whether a program shall go on.
constexpr MonoNanos kLook = 100 * kNanosPerMilli;
// The first process of a namespace does not hear SIGTERM unless it handles it.
constexpr MonoNanos kGrace = kNanosPerSecond;

Error Stopped(const std::string& name) {
  return {Code::kCancelled, "TRANSFER_CANCELLED",
          fmt::format("{} was ended, since nobody waits for it any more", name)};
}

// A program of a shard, started behind the walls.
class WalledSpawner final : public runtime::Spawner {
 public:
  WalledSpawner(const Launcher& launcher, SandboxPaths paths)
      : launcher_(launcher), paths_(std::move(paths)) {}

  Result<runtime::Spawned> Spawn(const runtime::SpawnPlan& plan) const override {
    return launcher_.Launch({.program = plan.program,
                             .argv = plan.argv,
                             .environment = plan.environment,
                             .paths = paths_,
                             .standard_fds = plan.standard_fds});
  }

 private:
  const Launcher& launcher_;
  const SandboxPaths paths_;
};

runtime::SubprocessOptions OptionsOf(const PostgresProgram& program, bool keep_output) {
  runtime::SubprocessOptions options;
  options.argv = program.arguments;
  options.argv.insert(options.argv.begin(), program.binaries.Program(program.name));
  options.environment = {{"PATH", program.binaries.bin_directory + ":/usr/local/bin:/usr/bin:/bin"},
                         {"LC_ALL", "C"}};
  options.inherit_environment = false;
  options.working_directory = "/";
  if (!program.input.empty()) options.standard_input = runtime::ToFile{program.input};
  if (!keep_output) options.standard_output = runtime::ToNull{};
  return options;
}

}  // namespace

Task<Result<runtime::ProgramResult>> PostgresPrograms::Run(PostgresProgram program,
                                                           const std::atomic<bool>* stop,
                                                           bool keep_output) const {
  const std::filesystem::path directory(program.binaries.bin_directory);
  SandboxPaths paths{.writable = program.writable, .read_only = program.read_only};
  paths.read_only.push_back(directory.parent_path().string());
  const WalledSpawner spawner(*launcher_, std::move(paths));
  runtime::SubprocessOptions options = OptionsOf(program, keep_output);
  options.spawner = &spawner;
  CO_TRY_ASSIGN(const std::unique_ptr<runtime::Subprocess> process,
                runtime::Subprocess::Start(options));
  while (true) {
    Result<runtime::ExitStatus> ended = co_await process->Wait(MonotonicNow() + kLook, nullptr);
    if (ended) {
      co_return runtime::ProgramResult{.status = *ended,
                                       .standard_output = process->standard_output(),
                                       .standard_error = process->standard_error(),
                                       .output_truncated = process->output_truncated()};
    }
    if (ended.error().code() != Code::kDeadlineExceeded) {
      co_return std::unexpected(std::move(ended).error());
    }
    if (!stop->load()) continue;
    CO_TRY(co_await process->Terminate(kGrace));
    co_return std::unexpected(Stopped(program.name));
  }
}

}  // namespace prism::branching
