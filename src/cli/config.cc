#include "cli/config.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

#include "base/clock.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "namespaces/store/backups.h"

namespace prism::cli {
namespace {

struct RestoreArguments {
  std::string file;
  std::string data_dir;
};

int Tell(const Shell& shell, const namespaces::GoodBackup& backup, std::string_view what) {
  if (shell.json()) {
    WriteLine(DumpJson({{"file", backup.path}, {"revision", backup.revision}}));
  } else {
    WriteLine(fmt::format("{}: {}, revision {}", Printable(backup.path), what, backup.revision));
  }
  return kDone;
}

int RunCheck(Shell& shell, const std::string& file) {
  const auto good = namespaces::CheckBackup(file);
  if (!good) return shell.Fail(good.error());
  return Tell(shell, *good, "good");
}

int RunRestore(Shell& shell, const RestoreArguments& arguments) {
  const auto restored =
      namespaces::RestoreBackup(arguments.file, arguments.data_dir, SystemClock().Now());
  if (!restored) return shell.Fail(restored.error());
  return Tell(shell, *restored, "restored");
}

void AddCheck(CLI::App& config, Shell& shell) {
  CLI::App* verb = config.add_subcommand("check", "Check a backup of the configuration store");
  auto file = std::make_shared<std::string>();
  verb->add_option("FILE", *file, "The backup, config-YYYYMMDD.db")->required();
  verb->footer(
      "Reads all of it: pages, rows, and the chain of its history.\n\n"
      "Example:\n"
      "  prism config check /var/backups/prism/config-20260131.db");
  shell.On(*verb, [&shell, file] { return RunCheck(shell, *file); });
}

void AddRestore(CLI::App& config, Shell& shell) {
  CLI::App* verb =
      config.add_subcommand("restore", "Put a backup in the place of the configuration store");
  auto arguments = std::make_shared<RestoreArguments>();
  verb->add_option("FILE", arguments->file, "The backup, config-YYYYMMDD.db")->required();
  verb->add_option("--data-dir", arguments->data_dir, "Data directory of the server, stopped")
      ->type_name("DIR")
      ->envname("PRISM_DATA_DIR")
      ->required();
  verb->footer(
      "The server must be stopped. The backup is checked first; what is there now is kept beside "
      "it\n"
      "as config.db.before-restore-TIME. The data of the namespaces is not touched.\n\n"
      "Example:\n"
      "  prism config restore /var/backups/prism/config-20260131.db --data-dir /var/lib/prism");
  shell.On(*verb, [&shell, arguments] { return RunRestore(shell, *arguments); });
}

}  // namespace

void AddConfigFiles(CLI::App& config, Shell& shell) {
  AddCheck(config, shell);
  AddRestore(config, shell);
}

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
