// `prism validate`: is this configuration file right?
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddValidate(CLI::App& app, Shell& shell);

}  // namespace prism::cli
