#include "namespaces/store/change.h"

#include <map>
#include <string_view>

namespace prism::namespaces {

namespace {

// Both lists are sorted by name.
template <class Config>
std::vector<Edit<Config>> EditsBetween(const std::vector<Config>& from,
                                       const std::vector<Config>& to) {
  std::vector<Edit<Config>> edits;
  auto old = from.begin();
  for (const Config& config : to) {
    for (; old != from.end() && old->name < config.name; ++old) edits.push_back({old->name, {}});
    const bool known = old != from.end() && old->name == config.name;
    if (!known || *old != config) edits.push_back({config.name, config});
    if (known) ++old;
  }
  for (; old != from.end(); ++old) edits.push_back({old->name, {}});
  return edits;
}

// `from` is sorted by name, and so is what comes of it. Of several edits of one name the last
// counts.
template <class Config>
std::vector<Config> Merged(const std::vector<Config>& from,
                           const std::vector<Edit<Config>>& edits) {
  std::map<std::string_view, const Edit<Config>*> by_name;
  for (const Edit<Config>& edit : edits) by_name[edit.name] = &edit;
  std::vector<Config> to;
  to.reserve(from.size() + by_name.size());
  auto old = from.begin();
  for (const auto& [name, edit] : by_name) {
    for (; old != from.end() && old->name < name; ++old) to.push_back(*old);
    if (old != from.end() && old->name == name) ++old;
    if (edit->to) to.push_back(*edit->to);
  }
  to.insert(to.end(), old, from.end());
  return to;
}

}  // namespace

Change Difference(const Snapshot& from, const Snapshot& to) {
  return {.backends = EditsBetween(from.backends, to.backends),
          .namespaces = EditsBetween(from.namespaces, to.namespaces)};
}

Snapshot Changed(const Snapshot& from, const Change& change) {
  Snapshot to;
  to.server = from.server;
  to.backends = Merged(from.backends, change.backends);
  to.namespaces = Merged(from.namespaces, change.namespaces);
  to.declared = from.declared;
  to.revision = from.revision;
  return to;
}

}  // namespace prism::namespaces
