// prism operation: long work of the server, on the admin port.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddOperation(CLI::App& app, Shell& shell);

}  // namespace prism::cli
