#include "cli/validate.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>

#include "cli/output.h"
#include "cli/shell.h"
#include "namespaces/json_schema.h"
#include "namespaces/yaml_source.h"

namespace prism::cli {
namespace {

int RunValidate(Shell& shell, const std::string& file) {
  namespaces::YamlSource source(file);
  const auto snapshot = source.Load();
  if (!snapshot) return shell.Fail(snapshot.error());
  const std::size_t backends = (*snapshot)->backends.size();
  const std::size_t spaces = (*snapshot)->namespaces.size();
  if (shell.json()) {
    WriteLine(DumpJson({{"valid", true}, {"backends", backends}, {"namespaces", spaces}}));
  } else {
    WriteLine(fmt::format("{}: right; {} backends, {} namespaces (built-in ones included)",
                          Printable(file), backends, spaces));
  }
  return kDone;
}

int PrintSchema() {
  std::string_view schema = namespaces::JsonSchema();
  schema.remove_suffix(1);  // the line end
  WriteLine(schema);
  return kDone;
}

}  // namespace

void AddValidate(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand("validate", "Check a configuration file without a server");
  auto file = std::make_shared<std::string>("prism.yaml");
  verb->add_option("FILE", *file, "The file to check")->capture_default_str();
  auto schema = std::make_shared<bool>(false);
  verb->add_flag("--schema", *schema, "Print the JSON Schema of the file instead, for editors");
  verb->footer(
      "Every mistake is listed with its line and column. \"prism serve --check --config FILE\" "
      "goes further: it takes\n"
      "flags and environment into account, and says which namespaces this program can't serve.\n\n"
      "Example:\n"
      "  prism validate prism.yaml");
  shell.On(*verb,
           [&shell, file, schema] { return *schema ? PrintSchema() : RunValidate(shell, *file); });
}

}  // namespace prism::cli
