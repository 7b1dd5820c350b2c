// `prism doctor`: whether branches are well, and what to do when they are not.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {
class Shell;
}

namespace prism::app {

// Adds the verb. It works on this machine's files; no server is asked.
void AddDoctor(CLI::App& app, cli::Shell& shell);

}  // namespace prism::app
