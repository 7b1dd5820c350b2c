// What branches are made of: the methods of BranchAdminService about sources.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/secret_ref.h"
#include "gateway/admin/as_text.h"
#include "gateway/admin/audit_trail.h"
#include "gateway/admin/branch_admin.h"
#include "gateway/admin/on_pool.h"
#include "gateway/admin/times.h"

namespace prism::gateway {

namespace pb = prism::admin::v1;
using runtime::Task;

namespace {

constexpr std::string_view kAdd = "/prism.admin.v1.BranchAdmin/AddSource";
constexpr std::string_view kRefresh = "/prism.admin.v1.BranchAdmin/RefreshSource";
constexpr std::string_view kRemove = "/prism.admin.v1.BranchAdmin/RemoveSource";

void Describe(const SourceInfo& source, pb::BranchSource& into) {
  into.set_name(source.name);
  into.set_kind(source.kind);
  into.set_path(AsText(source.path));
  into.set_roles(AsText(source.roles));
  into.set_default_(source.is_default);
  into.set_state(source.state);
  if (source.generation) {
    pb::BranchGeneration& generation = *into.mutable_generation();
    SetTime(source.generation->created_at, *generation.mutable_create_time());
    generation.set_checkpoint_lsn(source.generation->checkpoint_lsn);
    generation.set_postgres_version(source.generation->postgres_version);
    generation.set_size_bytes(source.generation->size_bytes);
    generation.set_timeline(source.generation->timeline);
    generation.set_system_identifier(source.generation->system_identifier);
  }
  into.set_last_error(AsText(source.last_error));
  if (!source.last_error.empty()) SetTime(source.failed_at, *into.mutable_last_error_time());
  into.set_branches(source.branches);
  if (source.created_at != 0) SetTime(source.created_at, *into.mutable_create_time());
  into.set_created_by(AsText(source.created_by));
}

bool IsAbsolute(const std::string& path) {
  return path.starts_with('/') && path.find('\0') == path.npos;
}

Status CheckPaths(const pb::AddBranchSourceRequest& request) {
  for (const auto& [field, path] :
       {std::pair("path", &request.path()), std::pair("roles", &request.roles())}) {
    if (path == &request.roles() && path->empty()) continue;
    if (!IsAbsolute(*path)) {
      return std::unexpected(InvalidField("SOURCE_PATH_INVALID", field,
                                          "must be an absolute path on the machine of the server"));
    }
  }
  return {};
}

Result<SourceWish> ReadWish(const pb::AddBranchSourceRequest& request, std::string_view by) {
  SourceWish wish{.name = request.name(),
                  .kind = request.kind(),
                  .path = request.path(),
                  .roles = request.roles(),
                  .password = request.password(),
                  .by = std::string(by)};
  if (wish.kind == pb::BranchSource::KIND_UNSPECIFIED) wish.kind = pb::BranchSource::TEMPLATE;
  if (!pb::BranchSource::Kind_IsValid(wish.kind)) {
    return std::unexpected(
        InvalidField("SOURCE_KIND_INVALID", "kind", "must be TEMPLATE, DUMP or MANAGED"));
  }
  TRY(CheckPaths(request));
  const bool has_options = !wish.roles.empty() || !wish.password.empty();
  if (has_options && wish.kind != pb::BranchSource::DUMP) {
    return std::unexpected(
        InvalidField("SOURCE_OPTIONS_INVALID", wish.roles.empty() ? "password" : "roles",
                     "is of a dump: a data directory has its roles and passwords"));
  }
  if (!wish.password.empty() && !base::IsSecretRef(wish.password)) {
    return std::unexpected(InvalidField("LITERAL_SECRET", "password",
                                        "must be \"${env:NAME}\" or \"${file:PATH}\": put the "
                                        "password there, where the server reads it"));
  }
  return wish;
}

}  // namespace

Task<Status> BranchAdminService::RecordSource(security::AuditEntry entry, SourceInfo source,
                                              std::string reason) {
  entry.object = "source/" + source.name;
  nlohmann::ordered_json json = {{"name", source.name},
                                 {"kind", pb::BranchSource::Kind_Name(source.kind)},
                                 {"path", AsText(source.path)}};
  if (!source.roles.empty()) json["roles"] = AsText(source.roles);
  if (!reason.empty()) json["reason"] = reason;
  (entry.action == kRemove ? entry.before : entry.after) =
      json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  co_return co_await Record(std::move(entry));
}

Task<Status> BranchAdminService::ListSources(contract::CallContext& ctx,
                                             const pb::ListBranchSourcesRequest& /*request*/,
                                             pb::ListBranchSourcesResponse& response) {
  CO_TRY(Check(ctx));
  CO_TRY_ASSIGN(const auto sources,
                co_await OnPool(ctx, parts_.pool, [&] { return parts_.control->ListSources(); }));
  for (const SourceInfo& source : sources) Describe(source, *response.add_sources());
  co_return Status();
}

Task<Status> BranchAdminService::AddSource(contract::CallContext& ctx,
                                           const pb::AddBranchSourceRequest& request,
                                           pb::BranchSource& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(SourceWish wish, ReadWish(request, ctx.principal));
  const WorkKind kind{.action = kAdd, .kind = "source add", .background = request.background()};
  co_return co_await RunSourceWork(ctx, kind, request.name(),
                                   parts_.control->AddSource(std::move(wish)), request.reason(),
                                   response);
}

Task<Status> BranchAdminService::RefreshSource(contract::CallContext& ctx,
                                               const pb::RefreshBranchSourceRequest& request,
                                               pb::BranchSource& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  const WorkKind kind{
      .action = kRefresh, .kind = "source refresh", .background = request.background()};
  co_return co_await RunSourceWork(ctx, kind, request.name(),
                                   parts_.control->RefreshSource(request.name()), request.reason(),
                                   response);
}

Task<Status> BranchAdminService::RunSourceWork(contract::CallContext& ctx, WorkKind kind,
                                               std::string name, Task<Result<SourceInfo>> work,
                                               std::string reason, pb::BranchSource& response) {
  const auto made = std::make_shared<SourceInfo>();
  BranchOperations::Wish operation{.kind = std::string(kind.kind),
                                   .by = std::string(ctx.principal),
                                   .background = kind.background,
                                   .object = [name] { return "source/" + AsText(name); }};
  CO_TRY_ASSIGN(
      const auto outcome,
      co_await operations_.Run(
          ctx, std::move(operation),
          WorkAndRecord(std::move(work), EntryOf(ctx, kind.action, ""), std::move(reason), made)));
  response.set_operation(outcome.operation);
  if (outcome.ended) {
    Describe(*made, response);
    co_return Status();
  }
  // It may have failed since, as its operation tells.
  response.set_name(AsText(name));
  CO_TRY_ASSIGN(const auto sources,
                co_await OnPool(ctx, parts_.pool, [&] { return parts_.control->ListSources(); }));
  const auto found = std::ranges::find(sources, name, &SourceInfo::name);
  if (found != sources.end()) Describe(*found, response);
  co_return Status();
}

BranchOperations::Work BranchAdminService::WorkAndRecord(Task<Result<SourceInfo>> work,
                                                         security::AuditEntry entry,
                                                         std::string reason,
                                                         std::shared_ptr<SourceInfo> made) {
  CO_TRY_ASSIGN(*made, co_await std::move(work));
  CO_TRY(co_await RecordSource(std::move(entry), *made, reason));
  co_return made->name;
}

Task<Status> BranchAdminService::RemoveSource(contract::CallContext& ctx,
                                              const pb::RemoveBranchSourceRequest& request,
                                              pb::BranchSource& response) {
  CO_TRY(Check(ctx));
  CO_TRY(CheckReason(request.reason()));
  CO_TRY_ASSIGN(const SourceInfo removed,
                co_await parts_.control->RemoveSource(request.name(), request.force()));
  Describe(removed, response);
  co_return co_await RecordSource(EntryOf(ctx, kRemove, ""), removed, request.reason());
}

}  // namespace prism::gateway
