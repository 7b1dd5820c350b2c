// `prism version`.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddVersion(CLI::App& app, Shell& shell);

}  // namespace prism::cli
