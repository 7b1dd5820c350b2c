// prism features: the feature flags of a namespace, now or at each change.
#pragma once

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

void AddFeatures(CLI::App& app, Shell& shell);

}  // namespace prism::cli
