#include "namespaces/store/change.h"

#include <map>
#include <string_view>

namespace prism::namespaces {

namespace {

// Both lists are sorted by name.
template <class Config>
std::vector<Edit<Config>> EditsBetween(const ConfigList<Config>& from,
                                       const ConfigList<Config>& to) {
  std::vector<Edit<Config>> edits;
  auto old = from.begin();
  for (auto now = to.begin(); now != to.end(); ++now) {
    // What both have is not looked at.
    if (old != from.end() && old.item() == now.item()) {
      ++old;
      continue;
    }
    for (; old != from.end() && old->name < now->name; ++old) edits.push_back({old->name, {}});
    const bool known = old != from.end() && old->name == now->name;
    if (!known || *old != *now) edits.push_back({now->name, *now});
    if (known) ++old;
  }
  for (; old != from.end(); ++old) edits.push_back({old->name, {}});
  return edits;
}

// `from` is sorted by name, and so is what comes of it. Of several edits of one name the last
// counts.
template <class Config>
ConfigList<Config> Merged(const ConfigList<Config>& from, const std::vector<Edit<Config>>& edits) {
  std::map<std::string_view, const Edit<Config>*> by_name;
  for (const Edit<Config>& edit : edits) by_name[edit.name] = &edit;
  ConfigList<Config> to;
  to.reserve(from.size() + by_name.size());
  auto old = from.begin();
  for (const auto& [name, edit] : by_name) {
    for (; old != from.end() && old->name < name; ++old) to.push_back(old.item());
    const auto same = old != from.end() && old->name == name ? old++ : from.end();
    if (!edit->to) continue;
    if (same != from.end() && *same == *edit->to) {
      to.push_back(same.item());
    } else {
      to.push_back(*edit->to);
    }
  }
  for (; old != from.end(); ++old) to.push_back(old.item());
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
