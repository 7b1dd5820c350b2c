#include "cli/version.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <string>

#include "base/version.h"
#include "cli/output.h"
#include "cli/shell.h"

namespace prism::cli {

void AddVersion(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand("version", "Print the version of this program");
  verb->footer("The version of a running server is in \"prism status\".");
  shell.On(*verb, [&shell] {
    WriteLine(shell.json() ? DumpJson({{"version", std::string(Version())}})
                           : "prism " + std::string(Version()));
    return kDone;
  });
}

}  // namespace prism::cli
