// `prism branch init`: makes the store of branches ahead of time.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {
class Shell;
}

namespace prism::app {

// To the family `branch`, which is there.
void AddBranchInit(CLI::App& app, cli::Shell& shell);

}  // namespace prism::app
