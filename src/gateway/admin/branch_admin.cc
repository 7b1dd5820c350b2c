#include "gateway/admin/branch_admin.h"

#include <nlohmann/json.hpp>

#include <string>
#include <utility>
#include <vector>

#include "gateway/admin/audit_trail.h"
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
constexpr std::string_view kUndelete = "/prism.admin.v1.BranchAdmin/Undelete";
constexpr std::string_view kList = "branch_admin.list";

void Describe(const BranchInfo& branch, pb::Branch& into) {
  into.set_name(branch.name);
  into.set_label(branch.label);
  into.set_parent(branch.parent);
  SetTime(branch.as_of, *into.mutable_as_of());
  into.set_state(branch.state);
  into.set_connections(branch.connections);
  SetTime(branch.created_at, *into.mutable_create_time());
  into.set_created_by(branch.created_by);
  SetTime(branch.last_activity, *into.mutable_last_activity_time());
  if (branch.deleted_at) SetTime(*branch.deleted_at, *into.mutable_delete_time());
  if (branch.remove_at) SetTime(*branch.remove_at, *into.mutable_remove_time());
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
                                 {"created_by", branch.created_by}};
  if (branch.deleted_at) json["deleted_at"] = *branch.deleted_at;
  if (branch.remove_at) json["remove_at"] = *branch.remove_at;
  return json;
}

std::string ObjectOf(const BranchInfo& branch) { return "branch/" + branch.name; }

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

Task<Status> BranchAdminService::Create(contract::CallContext& ctx,
                                        const pb::CreateBranchRequest& request,
                                        pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(const BranchInfo made,
                co_await parts_.control->Create(request.name(), std::string(ctx.principal)));
  security::AuditEntry entry = EntryOf(ctx, kCreate, ObjectOf(made));
  nlohmann::ordered_json after = JsonOf(made);
  if (!request.reason().empty()) after["reason"] = request.reason();
  entry.after = after.dump();
  CO_TRY(co_await Record(std::move(entry)));
  Describe(made, response);
  co_return Status();
}

Task<Status> BranchAdminService::Delete(contract::CallContext& ctx,
                                        const pb::DeleteBranchRequest& request,
                                        pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY_ASSIGN(const BranchInfo before, co_await OnPool(ctx, parts_.pool, [&] {
                  return parts_.control->Get(request.name());
                }));
  CO_TRY_ASSIGN(const BranchInfo deleted,
                co_await parts_.control->Delete(before.name, request.force()));
  Describe(deleted, response);
  if (before.deleted_at == deleted.deleted_at) co_return Status();
  security::AuditEntry entry = EntryOf(ctx, kDelete, ObjectOf(deleted));
  entry.before = JsonOf(before).dump();
  entry.after = JsonOf(deleted).dump();
  co_return co_await Record(std::move(entry));
}

Task<Status> BranchAdminService::Undelete(contract::CallContext& ctx,
                                          const pb::UndeleteBranchRequest& request,
                                          pb::Branch& response) {
  CO_TRY(Check(ctx));
  CO_TRY_ASSIGN(const BranchInfo before, co_await OnPool(ctx, parts_.pool, [&] {
                  return parts_.control->Get(request.name());
                }));
  CO_TRY_ASSIGN(const BranchInfo branch, co_await parts_.control->Undelete(before.name));
  Describe(branch, response);
  security::AuditEntry entry = EntryOf(ctx, kUndelete, ObjectOf(branch));
  entry.before = JsonOf(before).dump();
  entry.after = JsonOf(branch).dump();
  co_return co_await Record(std::move(entry));
}

}  // namespace prism::gateway
