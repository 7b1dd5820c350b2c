// What is to become of a configuration, and what became of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "namespaces/snapshot.h"

namespace prism::namespaces {

// Counts the changes of a store; each transaction is one. 0: nothing was stored yet.
using Revision = std::int64_t;

// One backend or namespace as it is to be; without `to` it is to go.
template <class Config>
struct Edit {
  std::string name;
  std::optional<Config> to;
  // The revision of the record that its author has read, 0: none was there. When it is another one
  // by now, the whole change is refused. Nothing: whatever is there.
  std::optional<Revision> seen = {};
  // Of what was deleted and comes back: the id that it had.
  std::optional<std::int64_t> old_id = {};
  // Of a namespace that is to go: its data is destroyed, on all backends that it is on.
  bool purge = false;
};

// Takes effect as a whole or not at all.
struct Change {
  std::vector<Edit<BackendConfig>> backends;
  std::vector<Edit<NamespaceConfig>> namespaces;

  bool empty() const { return backends.empty() && namespaces.empty(); }
};

// Who wants a change, and why.
struct Author {
  std::string who;     // a principal, or what the program does by itself: "import"
  std::string reason;  // for people; may be empty
};

// What the store knows of a namespace beside its configuration.
struct NamespaceFacts {
  std::int64_t id = 0;
  Revision revision = 0;        // of its newest change
  std::int64_t created_at = 0;  // seconds since 1970, UTC
  std::int64_t updated_at = 0;
  std::string created_by;

  bool operator==(const NamespaceFacts&) const = default;
};
class FactsTable;

// A configuration with the revision that it is.
struct StoredConfig {
  Revision revision = 0;
  // Backends and namespaces; options of the server are not in a store.
  std::shared_ptr<const Snapshot> snapshot;
  // Of its namespaces; nullptr: it is not the newest revision.
  std::shared_ptr<const FactsTable> facts = nullptr;
};

// What became of a change.
struct Committed {
  Revision revision = 0;                    // the current one when it has changed nothing
  std::vector<Edit<NamespaceFacts>> facts;  // of the namespaces that it has changed
};

// The change that makes `to` of `from`: what is the same is not in it.
Change Difference(const Snapshot& from, const Snapshot& to);
// What `from` becomes by the change; whether its references hold is not looked at.
Snapshot Changed(const Snapshot& from, const Change& change);

}  // namespace prism::namespaces
