// `prism backend`: configured connections.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddBackendVerbs(CLI::App& app, Shell& shell);

}  // namespace prism::cli
