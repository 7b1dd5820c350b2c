#include "gateway/admin/recorded_change.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "gateway/admin/audit_trail.h"
#include "namespaces/config_json.h"
#include "security/audit_log.h"

namespace prism::gateway {

namespace {

using namespaces::Change;
using namespaces::Snapshot;
using nlohmann::json;

// Of one object more would not fit into an entry; the history has them whole.
constexpr std::size_t kMaxObjects = 100;

template <class Config>
void Describe(const Config* config, std::string& text) {
  if (config == nullptr) return;
  text = namespaces::ToJsonText(*config);
  if (text.size() <= security::kMaxAuditTextBytes) return;
  text = json{{"name", config->name}, {"bytes", text.size()}}.dump();
}

template <class Config>
const Config* To(const namespaces::Edit<Config>& edit) {
  return edit.to ? &*edit.to : nullptr;
}

void Describe(const Snapshot& current, const Change& change, security::AuditEntry& entry) {
  if (change.backends.size() + change.namespaces.size() != 1) {
    entry.after = SummaryOf(change);
  } else if (change.backends.empty()) {
    const auto& edit = change.namespaces.front();
    Describe(current.FindNamespace(edit.name), entry.before);
    Describe(To(edit), entry.after);
    if (edit.purge) entry.after = json{{"purge", true}}.dump();
  } else {
    const auto& edit = change.backends.front();
    Describe(current.FindBackend(edit.name), entry.before);
    Describe(To(edit), entry.after);
  }
}

}  // namespace

std::string SummaryOf(const Change& change) {
  json names = json::array();
  const auto add = [&names](const char* kind, const auto& edits) {
    for (const auto& edit : edits) {
      if (names.size() == kMaxObjects) return;
      names.push_back(std::string(kind) + edit.name + (edit.to ? "" : " (deleted)"));
    }
  };
  add("backend/", change.backends);
  add("namespace/", change.namespaces);
  return json{{"objects", std::move(names)},
              {"total", change.backends.size() + change.namespaces.size()}}
      .dump();
}

Result<ConfigControl::Outcome> ApplyRecorded(ConfigControl& control,
                                             const contract::CallContext& ctx,
                                             std::string_view action, std::string object,
                                             const ConfigControl::Plan& plan,
                                             ConfigControl::Options options) {
  security::AuditEntry entry = EntryOf(ctx, action, std::move(object));
  const auto described =
      [&](const namespaces::StoredConfig& current) -> Result<namespaces::Change> {
    TRY_ASSIGN(Change change, plan(current));
    Describe(*current.snapshot, change, entry);
    return change;
  };
  options.also = [&, also = std::move(options.also)](sqlite::Connection& connection,
                                                     namespaces::Revision revision) -> Status {
    TRY(security::AppendAudit(connection, entry, ctx.now));
    if (also) return also(connection, revision);
    return {};
  };
  return control.Apply(described, options);
}

}  // namespace prism::gateway
