// prism branch: PostgreSQL branches, on the admin port, and how clients of PostgreSQL reach them.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddBranch(CLI::App& app, Shell& shell);

}  // namespace prism::cli
