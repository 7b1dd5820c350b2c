// prism branch snapshot, snapshots, delete-snapshot, reset, restore.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddBranchSnapshots(CLI::App& branch, Shell& shell);

}  // namespace prism::cli
