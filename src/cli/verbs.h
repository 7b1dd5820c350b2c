// The verbs of the command line, and how the program runs one.
#pragma once

#include <span>

namespace CLI {
class App;
}

namespace prism::cli {

class Shell;

// Adds one verb, or a family of them, to the program. Each family has its own file with one such
// function.
using AddVerb = void (*)(CLI::App& app, Shell& shell);

// Prepares `app` (name, version, client options) and adds the verbs of this module: the list is in
// verbs.cc.
void AddVerbs(CLI::App& app, Shell& shell);

// Parses the command line and does what it says; the exit code of the program. `more`: verbs of
// other modules, such as serve.
int RunProgram(int argc, char** argv, std::span<const AddVerb> more);

}  // namespace prism::cli
