// The store of the configuration as the server uses it: what is served is in it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "namespaces/snapshot.h"
#include "namespaces/store/config_store.h"
#include "sqlite/data_directory.h"
#include "telemetry/log.h"

namespace prism::app {

// Life cycle: Open, then Choose and Keep for each configuration that is to be served. Thread rule:
// one control thread; everything here blocks.
class ConfigKeeper {
 public:
  // What is referred to outlives the keeper.
  ConfigKeeper(std::string data_dir, Clock& clock, telemetry::Logger& log);

  // Takes the lock of the configuration in the data directory and opens config.db there. The errors
  // of sqlite::DataDirectory::Open and namespaces::ConfigStore::Open.
  Status Open();
  // What is to be served when `file` is what the configuration file says: its options of the
  // server, and its backends and namespaces if it declares any. If not, those of the store; of a
  // store that is new, the built-in ones.
  std::shared_ptr<const namespaces::Snapshot> Choose(const namespaces::Snapshot& file) const;
  // Stores what is about to be served: what Choose has answered, which can be bound.
  Status Keep(const namespaces::Snapshot& chosen);

 private:
  const std::string data_dir_;
  Clock& clock_;
  telemetry::Logger& log_;
  std::optional<sqlite::DataDirectory> directory_;
  std::unique_ptr<namespaces::ConfigStore> store_;  // after directory_: closed under its lock
  namespaces::StoredConfig current_;
};

}  // namespace prism::app
