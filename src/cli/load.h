// `prism bench`: load against a namespace, with percentiles and CPU per request.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddBench(CLI::App& app, Shell& shell);

}  // namespace prism::cli
