// `prism serve`: the server as a verb of the program.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "app/launch.h"

namespace CLI {
class App;
}

namespace prism::app {

// What the command line said.
struct ServeFlags {
  LaunchFlags launch;
  std::optional<std::string> ready_file;
  bool check = false;
};

// Declares the flags; they are in `flags`, which outlives the app, when it has parsed.
void AddServeFlags(CLI::App& serve, ServeFlags& flags);

// Runs the server until it is told to stop; the exit code of the program. Errors are told on
// standard error.
int Serve(const ServeFlags& flags);

}  // namespace prism::app
