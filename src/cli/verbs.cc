#include "cli/verbs.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>

#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/strings.h"
#include "base/version.h"
#include "cli/audit.h"
#include "cli/backend.h"
#include "cli/branch.h"
#include "cli/capabilities.h"
#include "cli/client_options.h"
#include "cli/completion.h"
#include "cli/config.h"
#include "cli/conformance.h"
#include "cli/features.h"
#include "cli/kv.h"
#include "cli/load.h"
#include "cli/namespace.h"
#include "cli/operation.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "cli/status.h"
#include "cli/token.h"
#include "cli/validate.h"
#include "cli/version.h"

namespace prism::cli {
namespace {

// One line a family: to add one, write its file and name its function here.
constexpr std::array<AddVerb, 16> kVerbs = {
    AddKv,          AddFeatures, AddCapabilities, AddNamespaceVerbs, AddBackendVerbs, AddConfig,
    AddToken,       AddAudit,    AddBranch,       AddOperation,      AddStatus,       AddValidate,
    AddConformance, AddBench,    AddVersion,      AddCompletion,
};

// The innermost verb that was recognised: whose help is worth reading.
const CLI::App& Innermost(const CLI::App& app) {
  const CLI::App* current = &app;
  while (!current->get_subcommands().empty()) current = current->get_subcommands().front();
  return *current;
}

std::string CommandLine(const CLI::App& verb) {
  const CLI::App* parent = verb.get_parent();
  return parent == nullptr ? verb.get_name() : CommandLine(*parent) + " " + verb.get_name();
}

// What is wrong, in our words where the library's mislead.
std::string Describe(const CLI::App& app, const CLI::App& verb, const CLI::ParseError& error) {
  std::vector<std::string> names;
  for (const CLI::App* sub : verb.get_subcommands([](const CLI::App*) { return true; })) {
    if (!sub->get_name().empty()) names.push_back(sub->get_name());
  }
  // What a verb did not know has fallen through to its parents.
  const std::vector<std::string> left = app.remaining(true);
  if (names.empty()) return error.what();
  if (left.empty()) {
    return fmt::format("\"{}\" needs a verb: {}", CommandLine(verb), fmt::join(names, ", "));
  }
  if (left.front().starts_with('-')) return fmt::format("there is no option {}", left.front());
  const std::optional<std::string> nearest = base::NearestMatch(left.front(), names);
  return fmt::format(
      "there is no verb \"{} {}\"{}", CommandLine(verb), left.front(),
      nearest ? fmt::format("; did you mean \"{} {}\"?", CommandLine(verb), *nearest) : "");
}

int ExplainParseError(const CLI::App& app, const CLI::ParseError& error) {
  // --help and --version come as errors with the code of success.
  if (error.get_exit_code() == 0) return app.exit(error);
  const CLI::App& verb = Innermost(app);
  fmt::print(stderr, "error: INVALID_ARGUMENT/BAD_USAGE: {}\nhint: see \"{} --help\"\n",
             PrintableMessage(Describe(app, verb, error)), CommandLine(verb));
  return kBadUsage;
}

}  // namespace

void AddVerbs(CLI::App& app, Shell& shell) {
  app.name("prism");
  app.description("Prism, a data access gateway: server and command line in one program");
  app.set_version_flag("--version", fmt::format("prism {}", Version()));
  app.require_subcommand(1);
  app.fallthrough();  // client options may stand anywhere
  app.footer(
      "Start a server with \"prism serve\", then try \"prism kv set default greeting hello\".");
  AddClientOptions(app, shell.options);
  for (const AddVerb add : kVerbs) add(app, shell);
}

int RunProgram(int argc, char** argv, std::span<const AddVerb> more) {
  // Bad input is told in our words; what the library would print beside them helps nobody.
  google::protobuf::SetLogHandler(nullptr);
  CLI::App app;
  Shell shell;
  AddVerbs(app, shell);
  for (const AddVerb add : more) add(app, shell);
  if (argc <= 1) {
    fmt::print(stderr, "{}", app.help());
    return kBadUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ExplainParseError(app, error);
  }
  return shell.Run();
}

}  // namespace prism::cli
