// `prism kv`: keys and values from the shell.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

// Adds `kv` with all its verbs.
void AddKv(CLI::App& app, Shell& shell);

// The verbs by file; each adds its own to the group `kv`.
void AddKvBasic(CLI::App& kv, Shell& shell);     // set get delete exists
void AddKvScan(CLI::App& kv, Shell& shell);      // scan count
void AddKvTtl(CLI::App& kv, Shell& shell);       // expire ttl persist
void AddKvCas(CLI::App& kv, Shell& shell);       // cas incr
void AddKvTxn(CLI::App& kv, Shell& shell);       // txn
void AddKvTransfer(CLI::App& kv, Shell& shell);  // import export

}  // namespace prism::cli
