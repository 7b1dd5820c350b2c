// `prism status --slow`: the slow requests that a server remembers.
#pragma once

#include "cli/shell.h"

namespace prism::cli {

// Asks the page /slow of the admin port: a table, the newest first, or its JSON. The exit code.
int RunSlowStatus(Shell& shell);

}  // namespace prism::cli
