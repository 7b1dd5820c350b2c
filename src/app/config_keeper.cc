#include "app/config_keeper.h"

#include <utility>

namespace prism::app {

ConfigKeeper::ConfigKeeper(std::string data_dir, Clock& clock, telemetry::Logger& log)
    : data_dir_(std::move(data_dir)), clock_(clock), log_(log) {}

Status ConfigKeeper::Open() {
  TRY_ASSIGN(auto directory, sqlite::DataDirectory::Open(data_dir_, "config.lock"));
  directory_.emplace(std::move(directory));
  TRY_ASSIGN(store_,
             namespaces::ConfigStore::Open({.path = directory_->path() + "/config.db"}, clock_));
  TRY_ASSIGN(current_, store_->Load());
  return {};
}

std::shared_ptr<const namespaces::Snapshot> ConfigKeeper::Choose(
    const namespaces::Snapshot& file) const {
  auto chosen = std::make_shared<namespaces::Snapshot>(file);
  if (!file.declared && current_.revision > 0) {
    chosen->backends = current_.snapshot->backends;
    chosen->namespaces = current_.snapshot->namespaces;
  }
  const bool same = Difference(*current_.snapshot, *chosen).empty();
  chosen->revision = current_.revision + (same ? 0 : 1);
  return chosen;
}

Status ConfigKeeper::Keep(const namespaces::Snapshot& chosen) {
  const namespaces::Change change = Difference(*current_.snapshot, chosen);
  if (change.empty()) return {};
  const bool first = current_.revision == 0;
  TRY_ASSIGN(
      const namespaces::Revision revision,
      store_->Commit(change, {first ? "import" : "reload",
                              chosen.declared ? "configuration file" : "built-in defaults"}));
  current_ = {revision, std::make_shared<const namespaces::Snapshot>(chosen)};
  log_.Info("configuration stored", {{"revision", revision},
                                     {"backends", change.backends.size()},
                                     {"namespaces", change.namespaces.size()}});
  return {};
}

}  // namespace prism::app
