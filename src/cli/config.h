// `prism config`: the configuration store of a server that is stopped.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddConfig(CLI::App& app, Shell& shell);

}  // namespace prism::cli
