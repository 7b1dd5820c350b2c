#include "gateway/admin/audit_trail.h"

#include <fmt/format.h>

#include <algorithm>

#include "security/caller_rights.h"
#include "sqlite/plain_database.h"

namespace prism::gateway {

namespace {

constexpr WallMillis kHour = 3'600'000;

std::string Number(std::uint64_t refusals) { return fmt::format(R"({{"refusals":{}}})", refusals); }

// What the refusal was about, as far as the error says it.
std::string ObjectOf(const Error& error) {
  const auto named =
      std::ranges::find(error.metadata(), "namespace", &std::pair<std::string, std::string>::first);
  return named == error.metadata().end() ? std::string() : "namespace/" + named->second;
}

}  // namespace

security::AuditEntry EntryOf(const contract::CallContext& ctx, std::string_view action,
                             std::string object) {
  const security::Caller& caller = ctx.rights->caller();
  return {.principal = std::string(caller.principal),
          .proof = std::string(security::ProofName(caller.proof)),
          .token_id = std::string(caller.token_id),
          .peer = std::string(ctx.rights->peer()),
          .action = std::string(action),
          .object = std::move(object),
          .code = "OK",
          .reason = {},
          .before = {},
          .after = {},
          .request_id = std::string(ctx.request_id.text())};
}

void RefusalTrail::Note(const contract::CallContext& ctx, const contract::MethodInfo& method,
                        const Error& error) {
  if (error.code() != Code::kPermissionDenied || ctx.rights == nullptr) return;
  if (queued_.fetch_add(1) >= kMaxQueued) {
    --queued_;
    ++left_out_;
    return;
  }
  security::AuditEntry entry = EntryOf(ctx, method.path, ObjectOf(error));
  entry.code = CodeName(error.code());
  entry.reason = error.reason();
  const Status taken = parts_.pool.Submit([this, entry = std::move(entry)] {
    if (const Status written = Write(entry); !written) {
      ++left_out_;
      parts_.log.Failure("refusal not audited", written.error());
    }
    --queued_;
  });
  if (taken) return;
  --queued_;
  ++left_out_;
}

Status RefusalTrail::Write(const security::AuditEntry& entry) {
  return sqlite::WriteAndWait(parts_.database, [this, &entry](sqlite::Connection& connection) {
    return Take(connection, entry);
  });
}

Status RefusalTrail::Flush(bool all) {
  return sqlite::WriteAndWait(parts_.database,
                              [this, all](sqlite::Connection& connection) -> Status {
                                const WallMillis now = parts_.clock.Now();
                                if (!all && now - state_.window_start < kWindow) return {};
                                return CloseWindow(connection, now);
                              });
}

Status RefusalTrail::Take(sqlite::Connection& connection, const security::AuditEntry& entry) {
  const WallMillis now = parts_.clock.Now();
  if (now - state_.window_start >= kWindow) TRY(CloseWindow(connection, now));
  const Key key(entry.principal, entry.action);
  const auto known = state_.window.find(key);
  if (known != state_.window.end()) {
    ++known->second.more;
    return {};
  }
  if (state_.window.size() >= kMaxKeys) {
    ++left_out_;
    return {};
  }
  state_.window.emplace(key, Counted{.entry = entry});
  return Append(connection, entry, 1, now);
}

Status RefusalTrail::CloseWindow(sqlite::Connection& connection, WallMillis now) {
  const std::map<Key, Counted> window = std::exchange(state_.window, {});
  state_.window_start = now;
  for (const auto& [key, counted] : window) {
    if (counted.more == 0) continue;
    security::AuditEntry entry = counted.entry;
    entry.request_id.clear();  // of the first alone
    entry.after = Number(counted.more);
    TRY(Append(connection, entry, counted.more, now));
  }
  return {};
}

Status RefusalTrail::Append(sqlite::Connection& connection, const security::AuditEntry& entry,
                            std::uint64_t refusals, WallMillis now) {
  if (now / kHour != state_.hour) {
    state_.hour = now / kHour;
    state_.entries = 0;
    if (const std::uint64_t left_out = left_out_.exchange(0); left_out > 0) {
      TRY(security::AppendAudit(connection,
                                {.principal = "several",
                                 .proof = {},
                                 .token_id = {},
                                 .peer = {},
                                 .action = "refusals that were not recorded one by one",
                                 .object = {},
                                 .code = "PERMISSION_DENIED",
                                 .reason = {},
                                 .before = {},
                                 .after = Number(left_out),
                                 .request_id = {}},
                                now));
    }
  }
  if (++state_.entries > kMaxEntriesAnHour) {
    left_out_ += refusals;
    return {};
  }
  TRY(security::AppendAudit(connection, entry, now));
  return {};
}

}  // namespace prism::gateway
