#include "app/purger.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

#include "security/audit_log.h"

namespace prism::app {

namespace {

constexpr MonoNanos kFirstPause = kNanosPerSecond;
constexpr MonoNanos kLongestPause = 300 * kNanosPerSecond;
// Of the audit.
constexpr std::string_view kAction = "purge of a deleted namespace";

std::string ObjectOf(const namespaces::Purge& purge) { return "namespace/" + purge.ns; }

Error Pending(const namespaces::Purge& purge) {
  return Error(Code::kFailedPrecondition, "PURGE_PENDING",
               fmt::format("the data of the deleted namespace \"{}\" on the backend \"{}\" is not "
                           "destroyed yet: wait for the end of that operation, which comes by "
                           "itself, and try again",
                           purge.ns, purge.backend))
      .With("namespace", purge.ns)
      .With("backend", purge.backend);
}

Result<contract::Backend*> Usable(std::span<const gateway::BackendState> backends,
                                  const std::string& name) {
  const gateway::BackendState* state = gateway::FindBackend(backends, name);
  if (state == nullptr) {
    return std::unexpected(
        Error(Code::kFailedPrecondition, "BACKEND_NOT_FOUND",
              fmt::format("there is no backend \"{}\" any more to destroy data on", name)));
  }
  if (state->backend == nullptr) return std::unexpected(*state->error);
  return state->backend.get();
}

security::AuditEntry EntryOf(const namespaces::Purge& purge) {
  return {.principal = purge.requested_by,
          .proof = {},
          .token_id = {},
          .peer = {},
          .action = std::string(kAction),
          .object = ObjectOf(purge),
          .code = "OK",
          .reason = {},
          .before = nlohmann::json{{"backend", purge.backend}, {"revision", purge.revision}}.dump(),
          .after = {},
          .request_id = {}};
}

}  // namespace

void Purger::Run() {
  const std::vector<namespaces::Purge> pending = parts_.config.purges();
  for (const namespaces::Purge& purge : pending) {
    if (parts_.binder.Holds(purge.ns)) continue;
    const auto retry = retries_.find(purge.id);
    if (retry != retries_.end() && MonotonicNow() < retry->second.next) continue;
    const Status destroyed = Destroy(purge);
    if (destroyed) {
      retries_.erase(purge.id);
      continue;
    }
    Retry& failed = retries_[purge.id];
    failed.pause = std::clamp(2 * failed.pause, kFirstPause, kLongestPause);
    failed.next = MonotonicNow() + failed.pause;
    ++parts_.config.purge_counters().failures;
    parts_.log.Failure(fmt::format("data of the deleted namespace {} not destroyed", purge.ns),
                       destroyed.error());
  }
}

Status Purger::Destroy(const namespaces::Purge& purge) {
  TRY_ASSIGN(contract::Backend * backend,
             Usable(parts_.binder.current()->backends(), purge.backend));
  TRY(backend->Purge(purge.ns));
  TRY(End(purge));
  parts_.log.Info(
      "data of a deleted namespace destroyed",
      {{"namespace", purge.ns}, {"backend", purge.backend}, {"revision", purge.revision}});
  parts_.changes.Ring();
  return {};
}

Status Purger::End(const namespaces::Purge& purge) {
  return parts_.config.EndPurge(purge, [&](sqlite::Connection& connection) -> Status {
    TRY(security::AppendAudit(connection, EntryOf(purge), parts_.clock.Now()));
    TRY_ASSIGN(const auto left, namespaces::ListPurges(connection));
    if (std::ranges::count(left, purge.ns, &namespaces::Purge::ns) > 0) return {};
    return parts_.operations.EndIn(connection, ObjectOf(purge), "the data is destroyed");
  });
}

std::vector<std::string> PurgedObjects(const std::vector<namespaces::Purge>& pending) {
  std::vector<std::string> objects;
  for (const namespaces::Purge& purge : pending) objects.push_back(ObjectOf(purge));
  return objects;
}

Status CheckNoPurge(const std::vector<namespaces::Purge>& pending,
                    const namespaces::Change& change) {
  for (const namespaces::Purge& purge : pending) {
    const bool made = std::ranges::any_of(
        change.namespaces, [&purge](const auto& edit) { return edit.to && edit.name == purge.ns; });
    const bool touched = std::ranges::any_of(
        change.backends, [&purge](const auto& edit) { return edit.name == purge.backend; });
    if (made || touched) return std::unexpected(Pending(purge));
  }
  return {};
}

Status CheckPurgeable(const namespaces::Change& change, const namespaces::Snapshot& current,
                      const gateway::RoutingTable& table) {
  for (const auto& edit : change.namespaces) {
    const namespaces::NamespaceConfig* gone = current.FindNamespace(edit.name);
    if (!edit.purge || gone == nullptr) continue;
    for (const std::string& backend : namespaces::BackendsOf(*gone)) {
      TRY(Usable(table.backends(), backend));
    }
  }
  return {};
}

}  // namespace prism::app
