#include "cli/namespace.h"

#include <CLI/CLI.hpp>

namespace prism::cli {

void AddNamespaceVerbs(CLI::App& app, Shell& shell) {
  CLI::App* ns = app.add_subcommand("namespace", "Namespaces: make, change, look back, undo")
                     ->alias("ns")
                     ->require_subcommand(1);
  ns->footer(
      "A client of the admin port: --admin-server or PRISM_ADMIN_SERVER, default "
      "127.0.0.1:8981.\n\n"
      "Examples:\n"
      "  prism namespace create orders --backend memory --tag production\n"
      "  prism namespace update orders --set rate_limit_rps=500 --reason \"launch day\"\n"
      "  prism namespace history orders");
  AddNamespaceReading(*ns, shell);
  AddNamespaceChanges(*ns, shell);
  AddNamespaceEdit(*ns, shell);
}

}  // namespace prism::cli
