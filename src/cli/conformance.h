// `prism conformance`: does a namespace keep the promises of its interfaces?
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddConformance(CLI::App& app, Shell& shell);

}  // namespace prism::cli
