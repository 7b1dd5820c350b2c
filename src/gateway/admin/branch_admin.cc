#include "gateway/admin/branch_admin.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gateway/admin/as_text.h"
#include "gateway/admin/audit_trail.h"
#include "gateway/admin/field_mask.h"
#include "gateway/admin/on_pool.h"
#include "gateway/admin/page_size.h"
#include "gateway/admin/times.h"
#include "security/caller_rights.h"
#include "sqlite/plain_database.h"

namespace prism::gateway {

namespace pb = prism::admin::v1;
using runtime::Task;

namespace {

constexpr std::string_view kCreate = "/prism.admin.v1.BranchAdmin/Create";
constexpr std::string_view kDelete = "/prism.admin.v1.BranchAdmin/Delete";
constexpr std::string_view kStop = "/prism.admin.v1.BranchAdmin/Stop";
constexpr std::string_view kUndelete = "/prism.admin.v1.BranchAdmin/Undelete";
constexpr std::string_view kUpdate = "/prism.admin.v1.BranchAdmin/Update";
constexpr std::string_view kRename = "/prism.admin.v1.BranchAdmin/Rename";
constexpr std::string_view kCreateSnapshot = "/prism.admin.v1.BranchAdmin/CreateSnapshot";
constexpr std::string_view kDeleteSnapshot = "/prism.admin.v1.BranchAdmin/DeleteSnapshot";
constexpr std::string_view kReset = "/prism.admin.v1.BranchAdmin/Reset";
constexpr std::string_view kRestore = "/prism.admin.v1.BranchAdmin/Restore";
constexpr std::string_view kList = "branch_admin.list";

void Describe(const BranchInfo& branch, pb::Branch& into) {
  into.set_name(branch.name);
  into.set_label(branch.label);
  into.set_parent(branch.parent);
  SetTime(branch.as_of, *into.mutable_as_of());
  into.set_state(branch.state);
  into.set_connections(branch.connections);
  SetTime(branch.created_at, *into.mutable_create_time());
  into.set_created_by(AsText(branch.created_by));
  SetTime(branch.last_activity, *into.mutable_last_activity_time());
  if (branch.deleted_at) SetTime(*branch.deleted_at, *into.mutable_delete_time());
  if (branch.remove_at) SetTime(*branch.remove_at, *into.mutable_remove_time());
  into.set_protected_(branch.is_protected);
  if (branch.expires_at) SetTime(*branch.expires_at, *into.mutable_expire_time());
  into.set_own_bytes(branch.own_bytes);
  into.set_shared_bytes(branch.shared_bytes);
  if (branch.measured_at) SetTime(*branch.measured_at, *into.mutable_size_time());
  into.set_source(branch.source);
  into.set_source_lsn(branch.source_lsn);
}

void Describe(const SnapshotInfo& snapshot, pb::Snapshot& into) {
  into.set_name(snapshot.name);
  SetTime(snapshot.created_at, *into.mutable_create_time());
  into.set_automatic(snapshot.is_automatic);
  into.set_checkpoint_lsn(snapshot.checkpoint_lsn);
  into.set_timeline(snapshot.timeline);
  into.set_system_identifier(snapshot.system_identifier);
  into.set_postgres_version(snapshot.postgres_version);
}

constexpr int kMaxLogBytes = 65536;

Result<std::size_t> ReadMaxBytes(int wanted) {
  if (wanted == 0) return std::size_t{kMaxLogBytes};
  if (wanted > 0 && wanted <= kMaxLogBytes) return static_cast<std::size_t>(wanted);
  return std::unexpected(
      InvalidField("SIZE_INVALID", "max_bytes", "must be from 1 to 65536, or 0 for 65536"));
}

constexpr std::int64_t kMaxTtlSeconds = std::int64_t{3650} * 24 * 60 * 60;

Result<std::chrono::milliseconds> ReadTtl(const google::protobuf::Duration& ttl) {
  if (ttl.seconds() >= 1 && ttl.seconds() <= kMaxTtlSeconds) {
    return std::chrono::milliseconds(MillisOf(ttl));
  }
  return std::unexpected(InvalidField("EXPIRY_INVALID", "ttl", "must be from 1 s to 3650 days"));
}

Result<BranchEdit> ReadEdit(const pb::UpdateBranchRequest& request) {
  pb::BranchSettings settings;
  TRY_ASSIGN(const std::set<std::string> named,
             ApplyMask(request.update_mask(), request.settings(), settings));
  BranchEdit edit;
  if (named.contains("protected")) edit.is_protected = settings.protected_();
  if (!named.contains("ttl")) return edit;
  edit.ttl.emplace();
  if (settings.has_ttl()) {
    TRY_ASSIGN(*edit.ttl, ReadTtl(settings.ttl()));
  }
  return edit;
}

// For the audit; times in milliseconds of Unix time.
nlohmann::ordered_json JsonOf(const BranchInfo& branch) {
  nlohmann::ordered_json json = {{"name", branch.name},
                                 {"label", branch.label},
                                 {"parent", branch.parent},
                                 {"as_of", branch.as_of},
                                 {"state", pb::Branch::State_Name(branch.state)},
                                 {"connections", branch.connections},
                                 {"created_at", branch.created_at},
                                 {"created_by", AsText(branch.created_by)}};
  if (branch.deleted_at) json["deleted_at"] = *branch.deleted_at;
  if (branch.remove_at) json["remove_at"] = *branch.remove_at;
  if (branch.is_protected) json["protected"] = true;
  if (branch.expires_at) json["expires_at"] = *branch.expires_at;
  return json;
}

std::string Dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string ObjectOf(const BranchInfo& branch) { return "branch/" + branch.name; }

security::AuditEntry Filled(security::AuditEntry entry, const BranchInfo* before,
                            const BranchInfo& after, const std::string& reason,
                            const std::vector<std::string>& flags) {
  entry.object = ObjectOf(after);
  if (before != nullptr) entry.before = Dump(JsonOf(*before));
  nlohmann::ordered_json json = JsonOf(after);
  if (!reason.empty()) json["reason"] = reason;
  for (const std::string& flag : flags) json[flag] = true;
  entry.after = Dump(json);
  return entry;
}

}  // namespace

Status BranchAdminService::Check(const contract::CallContext& ctx) const {
  TRY(RightsOf(ctx).CheckServer());
  if (parts_.control != nullptr) return {};
  return std::unexpected(
      Error(Code::kFailedPrecondition, "BRANCHING_OFF",
            "this server has no branches: give branching.source in its configuration, and start it "
            "again"));
}

Task<Status> BranchAdminService::Record(security::AuditEntry entry) {
  CO_TRY_ASSIGN(Status recorded, co_await parts_.pool.Run([&]() -> Status {
    return sqlite::WriteAndWait(parts_.database, [&](sqlite::Connection& connection) -> Status {
      TRY(security::AppendAudit(connection, entry, parts_.clock.Now()));
      return {};
    });
  }));
  co_return recorded;
}

Task<Status> BranchAdminService::List(contract::CallContext& ctx,
                                      const pb::ListBranchesRequest& request,
                                      pb::ListBranchesResponse& response) {
  CO_TRY(Check(ctx));
  CO_TRY_ASSIGN(const std::size_t page_size, PageSizeOf(request.page_size()));
  // Goes on behind this name, whose branch may be gone by then.
  CO_TRY_ASSIGN(const std::string after, page_tokens_.Read(kList, "", request.page_token()));
  CO_TRY_ASSIGN(const auto branches,
                co_await OnPool(ctx, parts_.pool, [&] { return parts_.control->List(); }));
  for (const BranchInfo& branch : branches) {
    if (branch.name <= after) continue;
    if (static_cast<std::size_t>(response.branches_size()) == page_size) {
      const std::string& last = response.branches(response.branches_size() - 1).name();
      response.set_next_page_token(page_tokens_.Make(kList, "", last));
      break;
    }
    Describe(branch, *response.add_branches());
  }
  co_return Status();
}

Task<Status> BranchAdminService::Get(contract::CallContext& ctx,
                                     const pb::GetBranchRequest& request, pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY_ASSIGN(const BranchInfo branch, co_await OnPool(ctx, parts_.pool, [&] {
                  return parts_.control->Get(request.name());
                }));
  Describe(branch, response);
  co_return Status();
}

Task<Result<BranchInfo>> BranchAdminService::FindBranch(contract::CallContext& ctx,
                                                        const std::string& name) {
  co_return co_await OnPool(ctx, parts_.pool, [&] { return parts_.control->Get(name); });
}

Task<Status> BranchAdminService::RecordChange(const contract::CallContext& ctx,
                                              std::string_view action, const BranchInfo* before,
                                              const BranchInfo& after, const std::string& reason,
                                              std::vector<std::string> flags) {
  co_return co_await Record(Filled(EntryOf(ctx, action, ""), before, after, reason, flags));
}

// The change is recorded although its maker has gone.
BranchOperations::Work BranchAdminService::RecordBranch(Task<Result<BranchInfo>> work,
                                                        Change change,
                                                        std::shared_ptr<BranchInfo> made) {
  CO_TRY_ASSIGN(*made, co_await std::move(work));
  const BranchInfo* const before = change.before ? &*change.before : nullptr;
  CO_TRY(co_await Record(Filled(std::move(change.entry), before, *made, change.reason, {})));
  co_return made->name;
}

Task<Status> BranchAdminService::RunBranchWork(contract::CallContext& ctx, WorkKind kind,
                                               std::string name, Task<Result<BranchInfo>> work,
                                               Change change, pb::Branch& response) {
  change.entry = EntryOf(ctx, kind.action, "");
  const auto made = std::make_shared<BranchInfo>();
  BranchOperations::Wish wish{.kind = std::string(kind.kind),
                              .by = std::string(ctx.principal),
                              .background = kind.background,
                              .object = [control = parts_.control, name] {
                                const auto branch = control->Get(name);
                                return "branch/" + (branch ? branch->name : AsText(name));
                              }};
  CO_TRY_ASSIGN(const auto outcome,
                co_await operations_.Run(ctx, std::move(wish),
                                         RecordBranch(std::move(work), std::move(change), made)));
  response.set_operation(outcome.operation);
  if (outcome.ended) {
    Describe(*made, response);
    co_return Status();
  }
  // It may have failed since, as its operation tells.
  response.set_name(name);
  const auto now = co_await FindBranch(ctx, name);
  if (now) Describe(*now, response);
  co_return Status();
}

Task<Status> BranchAdminService::ReadLog(contract::CallContext& ctx,
                                         const pb::ReadBranchLogRequest& request,
                                         pb::BranchLog& response) {
  CO_TRY(Check(ctx));
  CO_TRY_ASSIGN(const std::size_t bytes, ReadMaxBytes(request.max_bytes()));
  CO_TRY_ASSIGN(std::string text, co_await OnPool(ctx, parts_.pool, [&]() -> Result<std::string> {
                  TRY_ASSIGN(const BranchInfo of, parts_.control->Get(request.name()));
                  return parts_.control->ReadLog(of.name, bytes);
                }));
  response.set_text(AsText(std::move(text)));
  co_return Status();
}

Task<Status> BranchAdminService::Create(contract::CallContext& ctx,
                                        const pb::CreateBranchRequest& request,
                                        pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  BranchWish wish{
      .name = request.name(), .by = std::string(ctx.principal), .ttl = {}, .from = request.from()};
  if (request.has_ttl()) {
    CO_TRY_ASSIGN(wish.ttl, ReadTtl(request.ttl()));
  }
  co_return co_await RunBranchWork(
      ctx, {.action = kCreate, .kind = "branch create", .background = request.background()},
      request.name(), parts_.control->Create(std::move(wish)), {.reason = request.reason()},
      response);
}

Task<Status> BranchAdminService::Delete(contract::CallContext& ctx,
                                        const pb::DeleteBranchRequest& request,
                                        pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(const BranchInfo before, co_await FindBranch(ctx, request.name()));
  CO_TRY_ASSIGN(const BranchInfo deleted,
                co_await parts_.control->Delete(before.name, {.force = request.force(),
                                                              .recursive = request.recursive(),
                                                              .purge = request.purge()}));
  Describe(deleted, response);
  if (before.deleted_at == deleted.deleted_at && !request.purge()) co_return Status();
  std::vector<std::string> flags;
  if (request.force()) flags.emplace_back("force");
  if (request.recursive()) flags.emplace_back("recursive");
  if (request.purge()) flags.emplace_back("purge");
  co_return co_await RecordChange(ctx, kDelete, &before, deleted, request.reason(),
                                  std::move(flags));
}

Task<Status> BranchAdminService::Stop(contract::CallContext& ctx,
                                      const pb::StopBranchRequest& request, pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(const BranchInfo before, co_await FindBranch(ctx, request.name()));
  CO_TRY_ASSIGN(const BranchInfo branch,
                co_await parts_.control->Stop(before.name, request.force()));
  Describe(branch, response);
  if (before.state == branch.state) co_return Status();
  std::vector<std::string> flags;
  if (request.force()) flags.emplace_back("force");
  co_return co_await RecordChange(ctx, kStop, &before, branch, request.reason(), std::move(flags));
}

Task<Status> BranchAdminService::Undelete(contract::CallContext& ctx,
                                          const pb::UndeleteBranchRequest& request,
                                          pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(const BranchInfo before, co_await FindBranch(ctx, request.name()));
  CO_TRY_ASSIGN(const BranchInfo branch, co_await parts_.control->Undelete(before.name));
  Describe(branch, response);
  co_return co_await RecordChange(ctx, kUndelete, &before, branch, request.reason());
}

Task<Status> BranchAdminService::Update(contract::CallContext& ctx,
                                        const pb::UpdateBranchRequest& request,
                                        pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(const BranchEdit edit, ReadEdit(request));
  CO_TRY_ASSIGN(const BranchInfo before, co_await FindBranch(ctx, request.name()));
  CO_TRY_ASSIGN(const BranchInfo branch, co_await parts_.control->Update(before.name, edit));
  Describe(branch, response);
  co_return co_await RecordChange(ctx, kUpdate, &before, branch, request.reason());
}

Task<Status> BranchAdminService::RecordSnapshot(security::AuditEntry entry, SnapshotInfo snapshot,
                                                std::string reason) {
  nlohmann::ordered_json json = {{"snapshot", snapshot.name},
                                 {"created_at", snapshot.created_at},
                                 {"checkpoint_lsn", snapshot.checkpoint_lsn}};
  if (!reason.empty()) json["reason"] = reason;
  (entry.action == kDeleteSnapshot ? entry.before : entry.after) = Dump(json);
  co_return co_await Record(std::move(entry));
}

Task<Status> BranchAdminService::CreateSnapshot(contract::CallContext& ctx,
                                                const pb::CreateSnapshotRequest& request,
                                                pb::Snapshot& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(const BranchInfo of, co_await FindBranch(ctx, request.name()));
  const auto taken = std::make_shared<SnapshotInfo>();
  BranchOperations::Wish wish{.kind = "branch snapshot",
                              .by = std::string(ctx.principal),
                              .background = request.background(),
                              .object = [object = ObjectOf(of)] { return object; }};
  CO_TRY_ASSIGN(const auto outcome,
                co_await operations_.Run(ctx, std::move(wish),
                                         TakeSnapshot(of.name, request.snapshot(),
                                                      EntryOf(ctx, kCreateSnapshot, ObjectOf(of)),
                                                      request.reason(), taken)));
  response.set_operation(outcome.operation);
  if (outcome.ended) {
    Describe(*taken, response);
  } else {
    response.set_name(request.snapshot());
  }
  co_return Status();
}

BranchOperations::Work BranchAdminService::TakeSnapshot(std::string branch, std::string snapshot,
                                                        security::AuditEntry entry,
                                                        std::string reason,
                                                        std::shared_ptr<SnapshotInfo> taken) {
  CO_TRY_ASSIGN(*taken, co_await parts_.control->CreateSnapshot(branch, snapshot));
  CO_TRY(co_await RecordSnapshot(std::move(entry), *taken, reason));
  co_return taken->name;
}

Task<Status> BranchAdminService::ListSnapshots(contract::CallContext& ctx,
                                               const pb::ListSnapshotsRequest& request,
                                               pb::ListSnapshotsResponse& response) {
  CO_TRY(Check(ctx));
  CO_TRY_ASSIGN(const auto snapshots,
                co_await OnPool(ctx, parts_.pool, [&]() -> Result<std::vector<SnapshotInfo>> {
                  TRY_ASSIGN(const BranchInfo of, parts_.control->Get(request.name()));
                  return parts_.control->ListSnapshots(of.name);
                }));
  for (const SnapshotInfo& snapshot : snapshots) Describe(snapshot, *response.add_snapshots());
  co_return Status();
}

Task<Status> BranchAdminService::DeleteSnapshot(contract::CallContext& ctx,
                                                const pb::DeleteSnapshotRequest& request,
                                                pb::Snapshot& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(const BranchInfo of, co_await FindBranch(ctx, request.name()));
  CO_TRY_ASSIGN(const SnapshotInfo deleted,
                co_await parts_.control->DeleteSnapshot(of.name, request.snapshot()));
  Describe(deleted, response);
  co_return co_await RecordSnapshot(EntryOf(ctx, kDeleteSnapshot, ObjectOf(of)), deleted,
                                    request.reason());
}

Task<Status> BranchAdminService::Reset(contract::CallContext& ctx,
                                       const pb::ResetBranchRequest& request,
                                       pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(const BranchInfo before, co_await FindBranch(ctx, request.name()));
  co_return co_await RunBranchWork(
      ctx, {.action = kReset, .kind = "branch reset", .background = request.background()},
      before.name, parts_.control->Reset(before.name, request.force()),
      {.before = before, .reason = request.reason()}, response);
}

Task<Status> BranchAdminService::Restore(contract::CallContext& ctx,
                                         const pb::RestoreBranchRequest& request,
                                         pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(const BranchInfo before, co_await FindBranch(ctx, request.name()));
  co_return co_await RunBranchWork(
      ctx, {.action = kRestore, .kind = "branch restore", .background = request.background()},
      before.name, parts_.control->Restore(before.name, request.snapshot(), request.force()),
      {.before = before, .reason = request.reason()}, response);
}

Task<Status> BranchAdminService::Rename(contract::CallContext& ctx,
                                        const pb::RenameBranchRequest& request,
                                        pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(const BranchInfo before, co_await FindBranch(ctx, request.name()));
  CO_TRY_ASSIGN(const BranchInfo branch,
                co_await parts_.control->Rename(before.name, request.new_name()));
  Describe(branch, response);
  co_return co_await RecordChange(ctx, kRename, &before, branch, request.reason());
}

}  // namespace prism::gateway
