#include "cli/backend.h"

#include <CLI/CLI.hpp>

#include "cli/record_verbs.h"

namespace prism::cli {
namespace {

using Kind = BackendKind;

void AddConnectionOptions(CLI::App& verb, ChangeArguments& arguments) {
  AddOwnSetting(
      verb, arguments, "--type", "type",
      "Of the catalogue: memory, sqlite, redis, postgres ...; one without a driver may be "
      "configured",
      "TYPE");
  AddOwnSetting(verb, arguments, "--connection", "connection",
                "As its driver wants it, such as redis://localhost:6379/0; no password in it",
                "TEXT");
  AddOwnSetting(verb, arguments, "--username", "username", "For drivers that need it", "TEXT");
  AddOwnSetting(verb, arguments, "--password", "password",
                "A reference, '${env:NAME}' or '${file:PATH}': never the password", "REFERENCE");
}

void AddCreate(CLI::App& backend, Shell& shell) {
  CLI::App* verb = backend.add_subcommand("create", "Make a backend");
  auto arguments = std::make_shared<ChangeArguments>();
  AddRecordName(*verb, arguments->name, Kind::kArgument);
  AddConnectionOptions(*verb, *arguments);
  AddSettingArguments(*verb, *arguments, adminpb::Backend(), false);
  verb->footer(
      "Example:\n"
      "  prism backend create ledger --type postgres --connection postgresql://db:5432/prism \\\n"
      "    --username prism --password '${file:/run/secrets/pg}'");
  shell.On(
      *verb, [&shell, arguments] { return RunCreate<Kind>(shell, *arguments); }, Formats::kAll);
}

void AddGet(CLI::App& backend, Shell& shell) {
  CLI::App* verb = backend.add_subcommand("get", "Show a backend, as it is or as it was");
  auto name = std::make_shared<std::string>();
  auto revision = std::make_shared<std::int64_t>(0);
  AddRecordName(*verb, *name, Kind::kArgument);
  AddRevisionAsItWas(*verb, *revision);
  verb->footer("Example:\n  prism backend get ledger -o yaml");
  shell.On(
      *verb, [&shell, name, revision] { return RunGet<Kind>(shell, *name, *revision); },
      Formats::kAll);
}

void AddList(CLI::App& backend, Shell& shell) {
  CLI::App* verb =
      backend.add_subcommand("list", "List backends by name, all or those of a filter");
  auto arguments = std::make_shared<ListArguments>();
  AddListArguments(*verb, *arguments, Kind::kFilterHelp);
  verb->footer("Example:\n  prism backend list --filter 'type = \"redis\"'");
  shell.On(*verb, [&shell, arguments] { return RunList<Kind>(shell, *arguments); }, Formats::kAll);
}

void AddUpdate(CLI::App& backend, Shell& shell) {
  CLI::App* verb = backend.add_subcommand("update", "Change settings of a backend");
  auto arguments = std::make_shared<ChangeArguments>();
  AddRecordName(*verb, arguments->name, Kind::kArgument);
  AddConnectionOptions(*verb, *arguments);
  AddSettingArguments(*verb, *arguments, adminpb::Backend(), true);
  verb->footer(
      "Its namespaces go over to the new connection without dropping a call.\n\n"
      "Example:\n  prism backend update ledger --connection postgresql://db2:5432/prism");
  shell.On(
      *verb, [&shell, arguments] { return RunUpdate<Kind>(shell, *arguments); }, Formats::kAll);
}

void AddDelete(CLI::App& backend, Shell& shell) {
  CLI::App* verb = backend.add_subcommand("delete", "Take a backend out of the configuration");
  auto arguments = std::make_shared<ChangeArguments>();
  AddRecordName(*verb, arguments->name, Kind::kArgument);
  AddChangeOptions(*verb, arguments->options);
  AddYes(*verb, arguments->options);
  verb->footer(
      "Refused while namespaces are on it.\n\nExample:\n  prism backend delete ledger --yes");
  shell.On(
      *verb,
      [&shell, arguments] {
        return RunDelete<Kind>(shell, *arguments,
                               fmt::format("Delete the backend {}? Its data and history stay.",
                                           Printable(arguments->name)));
      },
      Formats::kAll);
}

void AddHistory(CLI::App& backend, Shell& shell) {
  CLI::App* verb =
      backend.add_subcommand("history", "Who changed a backend, when and why; of deleted ones too");
  auto arguments = std::make_shared<HistoryArguments>();
  AddHistoryArguments(*verb, *arguments, Kind::kArgument);
  verb->footer("Newest first.\n\nExample:\n  prism backend history ledger --diff");
  shell.On(
      *verb, [&shell, arguments] { return RunHistory<Kind>(shell, *arguments); }, Formats::kAll);
}

}  // namespace

void AddBackendVerbs(CLI::App& app, Shell& shell) {
  CLI::App* backend =
      app.add_subcommand("backend", "Backends: the connections that namespaces are on")
          ->require_subcommand(1);
  backend->footer(
      "A client of the admin port: --admin-server or PRISM_ADMIN_SERVER, default 127.0.0.1:8981.");
  AddCreate(*backend, shell);
  AddGet(*backend, shell);
  AddList(*backend, shell);
  AddUpdate(*backend, shell);
  AddDelete(*backend, shell);
  AddHistory(*backend, shell);
}

}  // namespace prism::cli
