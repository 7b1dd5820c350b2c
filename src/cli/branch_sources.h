// prism branch source add, list, remove.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddBranchSources(CLI::App& branch, Shell& shell);

}  // namespace prism::cli
