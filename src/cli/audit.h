// prism audit: who did what, on the admin port.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddAudit(CLI::App& app, Shell& shell);

}  // namespace prism::cli
