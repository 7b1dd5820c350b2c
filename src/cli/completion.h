// `prism completion`: scripts that let a shell complete verbs, options, and names that a server
// has.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

// After all other verbs or before them: the scripts are made from the verbs that are there when it
// runs.
void AddCompletion(CLI::App& app, Shell& shell);

std::string BashCompletion(const CLI::App& app);
std::string ZshCompletion(const CLI::App& app);
std::string FishCompletion(const CLI::App& app);

}  // namespace prism::cli
