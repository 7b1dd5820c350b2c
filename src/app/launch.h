// What the command line says of the configuration: for `serve`, and for verbs that look at what it
// would work with.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/settings.h"
#include "base/status.h"
#include "namespaces/snapshot.h"

namespace CLI {
class App;
}

namespace prism::app {

struct LaunchFlags {
  std::optional<std::string> config;
  std::map<std::string, std::string, std::less<>> settings;  // by name, see Settings()
};

// Declares --config, and the flag of each setting whose name begins with one of `prefixes`; all
// of them when there is none. They are in `flags`, which outlives the app, when it has parsed.
void AddLaunchFlags(CLI::App& verb, LaunchFlags& flags,
                    std::initializer_list<std::string_view> prefixes = {});

// The file that the flag or PRISM_CONFIG names, the usual one where it is there, or the defaults.
std::unique_ptr<namespaces::SnapshotSource> ChooseSource(const LaunchFlags& flags);

// Decided and checked: flags before the environment before the file. INVALID_ARGUMENT/BAD_OPTION,
// and what the checks of settings.h and branching_settings.h say.
Result<ServerSettings> ReadAll(const LaunchFlags& flags, const namespaces::Snapshot& snapshot);

// Nothing when it is empty.
std::optional<std::string> FromEnvironment(const char* name);

}  // namespace prism::app
