// The program: one file, many verbs.
#include <CLI/CLI.hpp>

#include "app/branch_init.h"
#include "app/doctor.h"
#include "app/serve.h"
#include "branching/privileged/helper.h"
#include "cli/shell.h"
#include "cli/verbs.h"

namespace {

void AddServe(CLI::App& app, prism::cli::Shell& shell) {
  CLI::App* serve = app.add_subcommand("serve", "Run the gateway");
  serve->footer(
      "Without --config there are the namespaces default (durable) and scratch (in memory).\n"
      "SIGHUP reads the configuration again, SIGTERM drains and stops, a second one stops at "
      "once.\n\n"
      "Examples:\n"
      "  prism serve\n"
      "  prism serve --config prism.yaml --data-dir /var/lib/prism\n"
      "  prism serve --config prism.yaml --check");
  auto flags = std::make_shared<prism::app::ServeFlags>();
  prism::app::AddServeFlags(*serve, *flags);
  shell.On(*serve, [flags] { return prism::app::Serve(*flags); });
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto code = prism::branching::BeHelper(argc, argv)) return *code;
  constexpr prism::cli::AddVerb kMore[] = {&AddServe, &prism::app::AddBranchInit,
                                           &prism::app::AddDoctor};
  return prism::cli::RunProgram(argc, argv, kMore);
}
