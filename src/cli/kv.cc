#include "cli/kv.h"

#include <CLI/CLI.hpp>

namespace prism::cli {

void AddKv(CLI::App& app, Shell& shell) {
  CLI::App* kv = app.add_subcommand("kv", "Keys and values");
  kv->require_subcommand(1);
  kv->footer("Each verb has its own help with examples, such as \"prism kv set --help\".");
  AddKvBasic(*kv, shell);
  AddKvScan(*kv, shell);
  AddKvTtl(*kv, shell);
  AddKvCas(*kv, shell);
  AddKvTxn(*kv, shell);
  AddKvTransfer(*kv, shell);
}

}  // namespace prism::cli
