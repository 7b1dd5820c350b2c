// `prism config`: the configuration as a whole, and backups of its store.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddConfig(CLI::App& app, Shell& shell);

// Each adds verbs to `prism config`: those that ask a server, those that change what it serves, and
// those for the files of a server that is stopped.
void AddConfigReading(CLI::App& config, Shell& shell);
void AddConfigChanges(CLI::App& config, Shell& shell);
void AddConfigFiles(CLI::App& config, Shell& shell);

}  // namespace prism::cli
