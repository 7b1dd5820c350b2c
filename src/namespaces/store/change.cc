#include "namespaces/store/change.h"

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

}  // namespace

Change Difference(const Snapshot& from, const Snapshot& to) {
  return {.backends = EditsBetween(from.backends, to.backends),
          .namespaces = EditsBetween(from.namespaces, to.namespaces)};
}

}  // namespace prism::namespaces
