// prism capabilities: what a namespace is.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddCapabilities(CLI::App& app, Shell& shell);

}  // namespace prism::cli
