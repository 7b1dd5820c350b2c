// `prism namespace`: what is configured, and its history.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddNamespaceVerbs(CLI::App& app, Shell& shell);

// Each adds verbs to `prism namespace`.
void AddNamespaceReading(CLI::App& ns, Shell& shell);
void AddNamespaceChanges(CLI::App& ns, Shell& shell);
void AddNamespaceEdit(CLI::App& ns, Shell& shell);

}  // namespace prism::cli
