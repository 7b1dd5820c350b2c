// The program: one file, many verbs.
#include <CLI/CLI.hpp>

#include "app/serve.h"
#include "cli/shell.h"
#include "cli/verbs.h"

namespace {

void AddServe(CLI::App& app, prism::cli::Shell& shell) {
  CLI::App* serve = app.add_subcommand("serve", "run the gateway");
  auto flags = std::make_shared<prism::app::ServeFlags>();
  prism::app::AddServeFlags(*serve, *flags);
  shell.On(*serve, [flags] { return prism::app::Serve(*flags); });
}

}  // namespace

int main(int argc, char** argv) {
  constexpr prism::cli::AddVerb kMore[] = {&AddServe};
  return prism::cli::RunProgram(argc, argv, kMore);
}
