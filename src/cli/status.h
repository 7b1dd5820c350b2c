// `prism status`: is the server well, and what does it do?
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddStatus(CLI::App& app, Shell& shell);

}  // namespace prism::cli
