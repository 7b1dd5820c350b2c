// THE list of the backends that are part of this program.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "contract/backend.h"

namespace prism::engine {
class LocalEngine;
}

namespace prism::backends {

// What the process lends to backends. All of it outlives them.
struct BackendServices {
  engine::LocalEngine& engine;
  std::string data_dir;  // of the process; made and locked by the first backend that stores there
};

// One configured backend, its secrets resolved: not to be kept longer than the connection needs it.
struct BackendSettings {
  std::string name;
  std::string connection;
  std::string username;
  std::string password;
};

struct BuiltinBackend {
  std::string_view type;
  // What the connection names can be opened once: configured backends with the same connection
  // share one object, also while a reload replaces one by the other.
  bool one_per_connection;
  // Blocking.
  Result<std::shared_ptr<contract::Backend>> (*make)(const BackendServices& services,
                                                     const BackendSettings& settings);
};

std::span<const BuiltinBackend> BuiltinBackends();
// nullptr: the type is not in the list.
const BuiltinBackend* FindBuiltin(std::string_view type);

// FAILED_PRECONDITION/DRIVER_NOT_INSTALLED for a type that is not in the list, naming those that
// are.
Result<std::shared_ptr<contract::Backend>> MakeBackend(std::string_view type,
                                                       const BackendServices& services,
                                                       const BackendSettings& settings);

}  // namespace prism::backends
