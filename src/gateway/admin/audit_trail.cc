#include "gateway/admin/audit_trail.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "gateway/system_call.h"
#include "security/caller_rights.h"
#include "sqlite/plain_database.h"

namespace prism::gateway {

namespace {

using google::protobuf::Message;

constexpr WallMillis kHour = 3'600'000;

std::string Number(std::uint64_t refusals) { return fmt::format(R"({{"refusals":{}}})", refusals); }

// What the objects of a service are, and the field of its requests that names one.
struct Kind {
  std::string_view service;
  std::string_view name;
  std::string_view field;
};
constexpr std::array<Kind, 7> kKinds = {{
    {"prism.admin.v1.NamespaceAdmin", "namespace", "name"},
    {"prism.admin.v1.BackendAdmin", "backend", "name"},
    {"prism.admin.v1.BranchAdmin", "branch", "name"},
    {"prism.admin.v1.TokenAdmin", "token", "id"},
    {"prism.admin.v1.ConfigAdmin", "config", ""},
    {"prism.admin.v1.AuditAdmin", "audit", ""},
    {"prism.admin.v1.OperationAdmin", "operation", ""},
}};

// Names of namespaces, backends and branches, and ids of tokens. Who is refused must not write into
// the audit whatever they like.
bool IsPlain(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  return !text.empty() && text.size() <= kLongest && std::ranges::all_of(text, [](char c) {
    return c == '-' || c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
  });
}

// Empty: the message has no such field.
std::string TextIn(const Message& message, std::string_view field) {
  const auto* found = message.GetDescriptor()->FindFieldByName(std::string(field));
  const bool text = found != nullptr && !found->is_repeated() &&
                    found->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_STRING;
  return text ? message.GetReflection()->GetString(message, found) : std::string();
}

// In the request itself, or in the record that is to be made.
std::string NameIn(const Message& request, const Kind& kind) {
  std::string name = TextIn(request, kind.field);
  const auto* record = request.GetDescriptor()->FindFieldByName(std::string(kind.name));
  const bool nested = record != nullptr && !record->is_repeated() &&
                      record->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE;
  if (name.empty() && nested) {
    name = TextIn(request.GetReflection()->GetMessage(request, record), kind.field);
  }
  return name;
}

// What the call was about, "namespace/orders"; without the name when the request has none.
std::string ObjectOf(rpc::ServerCall& call) {
  const auto kind = std::ranges::find(kKinds, call.method().interface->service, &Kind::service);
  if (kind == kKinds.end()) return {};
  const Message* request = ParseRequest(call.method(), call);
  const std::string name = request == nullptr ? std::string() : NameIn(*request, *kind);
  return IsPlain(name) ? fmt::format("{}/{}", kind->name, name) : std::string(kind->name);
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

void RefusalTrail::Note(rpc::ServerCall& call, const Error& error) {
  const contract::CallContext& ctx = call.context();
  if (error.code() != Code::kPermissionDenied || ctx.rights == nullptr) return;
  if (queued_.fetch_add(1) >= kMaxQueued) {
    --queued_;
    ++left_out_;
    return;
  }
  security::AuditEntry entry = EntryOf(ctx, call.method().path, ObjectOf(call));
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
    Counted& counted = known->second;
    ++counted.more;
    if (counted.entry.object != entry.object) {
      counted.entry.object.resize(
          std::min(counted.entry.object.find('/'), counted.entry.object.size()));
    }
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
                                 .object = "several",
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
