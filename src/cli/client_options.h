// The options that every client verb takes.
#pragma once

#include "cli/shell.h"

namespace prism::cli {

// --server, --tls-*, --token, --timeout, -o and their environment. Bad values are bad usage.
void AddClientOptions(CLI::App& app, ClientOptions& options);

}  // namespace prism::cli
