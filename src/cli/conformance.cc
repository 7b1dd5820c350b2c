#include "cli/conformance.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <string>

#include "cli/kv_common.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/shell.h"
#include "conformance/report.h"
#include "conformance/runner.h"

namespace prism::cli {
namespace {

struct ConformanceArguments {
  std::string ns;
  std::string filter;
  std::string junit_file;
};

Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "FILE_UNWRITABLE",
            fmt::format("can't write {}; check that its directory exists and is writable", path)));
}

// One plain error says more than every case failing for the same cause. A namespace without these
// methods is for the suites to tell.
Status CheckNamespace(Shell& shell, const std::string& ns) {
  const Status served = ProbeNamespace(shell, ns);
  if (served || served.error().reason() == "INTERFACE_NOT_BOUND") return {};
  return served;
}

int RunConformance(Shell& shell, const ConformanceArguments& arguments) {
  if (const Status served = CheckNamespace(shell, arguments.ns); !served) {
    return shell.Fail(served.error());
  }
  Progress progress("cases run:", 0);
  const conformance::RunnerOptions options{
      .target = {.channel = shell.Target(shell.options.server),
                 .ns = arguments.ns,
                 .timeout = shell.call_timeout()},
      .filter = arguments.filter,
      .progress = [&progress](std::size_t done, std::size_t /*total*/,
                              const conformance::Case&) { progress.Update(done, 0); },
  };
  const auto outcomes = conformance::RunCases(options);
  progress.Clear();
  if (!outcomes) return shell.Fail(outcomes.error());
  if (!arguments.junit_file.empty()) {
    const Status written =
        WriteFile(arguments.junit_file, conformance::FormatJunit(arguments.ns, *outcomes));
    if (!written) return shell.Fail(written.error());
  }
  if (shell.json()) {
    WriteLine(conformance::FormatJson(arguments.ns, *outcomes));
  } else {
    WriteOut(conformance::FormatText(arguments.ns, *outcomes));
  }
  return conformance::AllKept(*outcomes) ? kDone : kFailed;
}

}  // namespace

void AddConformance(CLI::App& app, Shell& shell) {
  CLI::App* verb =
      app.add_subcommand("conformance", "Run the suites of the interfaces against a namespace");
  auto arguments = std::make_shared<ConformanceArguments>();
  verb->add_option("--namespace,-n", arguments->ns, "Namespace to test")->required();
  verb->add_option("--filter", arguments->filter,
                   "Only cases whose id or interface contains this text");
  verb->add_option("--junit", arguments->junit_file, "Also write JUnit XML to this file");
  verb->footer(
      "Writes and removes keys under conformance/. Exit code 1 when a promise is broken; what is "
      "not bound is no failure.\n\n"
      "Examples:\n"
      "  prism conformance --namespace scratch\n"
      "  prism conformance --namespace default --filter keyvalue_cas -o json");
  shell.On(*verb, [&shell, arguments] { return RunConformance(shell, *arguments); });
}

}  // namespace prism::cli
