#include "cli/config.h"

#include <CLI/CLI.hpp>

#include "cli/shell.h"

namespace prism::cli {

void AddConfig(CLI::App& app, Shell& shell) {
  CLI::App* config = app.add_subcommand("config",
                                        "The configuration as a whole: show, compare, import, roll "
                                        "back, back up")
                         ->require_subcommand(1);
  config->footer(
      "check and restore work on files; all others are clients of the admin port: --admin-server "
      "or\nPRISM_ADMIN_SERVER, default 127.0.0.1:8981.");
  AddConfigReading(*config, shell);
  AddConfigChanges(*config, shell);
  AddConfigFiles(*config, shell);
}

}  // namespace prism::cli
