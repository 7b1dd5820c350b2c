#include "gateway/admin/backend_admin.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "filter/filter.h"
#include "filter/sql.h"
#include "gateway/admin/backend_proto.h"
#include "gateway/admin/namespace_changes.h"
#include "gateway/admin/page_size.h"
#include "gateway/admin/recorded_change.h"

namespace prism::gateway {

namespace {

namespace v1 = admin::v1;
using contract::CallContext;
using namespaces::BackendConfig;
using namespaces::FoundBackend;
using namespaces::RecordQuery;
using namespaces::Revision;
using namespaces::Snapshot;
using namespaces::StoredConfig;
using runtime::Task;

constexpr std::string_view kList = "backend_admin.list";
constexpr std::string_view kHistory = "backend_admin.history";
constexpr std::size_t kMaxNamed = 10;

// Of the audit.
constexpr std::string_view kCreate = "/prism.admin.v1.BackendAdmin/Create";
constexpr std::string_view kUpdate = "/prism.admin.v1.BackendAdmin/Update";
constexpr std::string_view kDelete = "/prism.admin.v1.BackendAdmin/Delete";

std::string ObjectOf(const std::string& name) { return "backend/" + name; }

Error NotFound(const std::string& name) {
  return Error(Code::kNotFound, "BACKEND_NOT_FOUND",
               fmt::format("there is no backend \"{}\"", name))
      .With("backend", name);
}

Error InUse(const std::string& name, std::vector<std::string_view> on) {
  const std::size_t count = on.size();
  if (count > kMaxNamed) on.resize(kMaxNamed);
  return Error(Code::kFailedPrecondition, "BACKEND_IN_USE",
               fmt::format("{} namespaces are on the backend \"{}\", such as {}: give them another "
                           "one, or delete them, first",
                           count, name, fmt::join(on, ", ")))
      .With("namespaces", std::to_string(count));
}

}  // namespace

BackendAdminService::BackendAdminService(ConfigControl& control, runtime::BlockingPool& pool,
                                         ConfigChanges& changes)
    : control_(control),
      pool_(pool),
      changes_(changes),
      reader_(control.store()),
      schema_(namespaces::BackendFilterSchema()) {}

Status BackendAdminService::MayChange(const CallContext& ctx, std::string_view reason) {
  TRY(RightsOf(ctx).CheckServer());
  return CheckReason(reason);
}

Status BackendAdminService::Answer(const std::string& name, const ConfigControl::Outcome& outcome,
                                   bool dry_run, v1::Backend& response) const {
  TRY_ASSIGN(auto found, reader_.FindBackend(name));
  if (dry_run) {
    const BackendConfig& config = *outcome.table->snapshot().FindBackend(name);
    if (!found) found = FoundBackend{};
    if (found->record.config != config) found->record.revision = outcome.revision;
    found->record.config = config;
  }
  ToProto(*found, outcome.table.get(), response);
  return {};
}

Status BackendAdminService::Make(const CallContext& ctx, const v1::CreateBackendRequest& request,
                                 v1::Backend& response) {
  const std::string& name = request.backend().name();
  const auto plan = [&](const StoredConfig& /*current*/) -> Result<namespaces::Change> {
    TRY_ASSIGN(BackendConfig config, ReadBackend(request.backend()));
    TRY_ASSIGN(const auto found, reader_.FindBackend(name));
    if (found) {
      return std::unexpected(RevisionMismatch(
          fmt::format("there is a backend \"{}\": update it, or choose another name", name),
          found->record.revision));
    }
    namespaces::Change change;
    change.backends.push_back({.name = name, .to = std::move(config), .seen = 0});
    return change;
  };
  TRY_ASSIGN(const auto outcome,
             ApplyRecorded(control_, ctx, kCreate, ObjectOf(name), plan,
                           ChangeOptions(ctx, request.reason(), request.dry_run())));
  return Answer(name, outcome, request.dry_run(), response);
}

Result<ConfigControl::Outcome> BackendAdminService::Change(const CallContext& ctx,
                                                           std::string_view action,
                                                           const std::string& name, Revision seen,
                                                           const Edit& edit,
                                                           const ConfigControl::Options& options) {
  const auto plan = [&](const StoredConfig& current) -> Result<namespaces::Change> {
    TRY_ASSIGN(const auto found, reader_.FindBackend(name));
    if (!found) return std::unexpected(NotFound(name));
    const Revision now = found->record.revision;
    if (seen != 0 && seen != now) {
      return std::unexpected(RevisionMismatch(
          fmt::format("the backend \"{}\" is at revision {}, and you have read {}: read it again, "
                      "and decide again",
                      name, now, seen),
          now));
    }
    TRY_ASSIGN(auto to, edit(found->record.config, *current.snapshot));
    namespaces::Change change;
    if (!to || *to != found->record.config) {
      change.backends.push_back({.name = name, .to = std::move(to), .seen = now});
    }
    return change;
  };
  return ApplyRecorded(control_, ctx, action, ObjectOf(name), plan, options);
}

Task<Status> BackendAdminService::Create(CallContext& ctx, const v1::CreateBackendRequest& request,
                                         v1::Backend& response) {
  CO_TRY(MayChange(ctx, request.reason()));
  co_return co_await OnPool(ctx, control_.thread(), [&] { return Make(ctx, request, response); });
}

Task<Status> BackendAdminService::Update(CallContext& ctx, const v1::UpdateBackendRequest& request,
                                         v1::Backend& response) {
  CO_TRY(MayChange(ctx, request.reason()));
  co_return co_await OnPool(ctx, control_.thread(), [&]() -> Status {
    const Edit edit = [&](const BackendConfig& old,
                          const Snapshot&) -> Result<std::optional<BackendConfig>> {
      TRY_ASSIGN(BackendConfig config,
                 UpdateBackend(old, request.backend(), request.update_mask()));
      return config;
    };
    TRY_ASSIGN(const auto outcome, Change(ctx, kUpdate, request.name(), request.revision(), edit,
                                          ChangeOptions(ctx, request.reason(), request.dry_run())));
    return Answer(request.name(), outcome, request.dry_run(), response);
  });
}

Task<Status> BackendAdminService::Delete(CallContext& ctx, const v1::DeleteBackendRequest& request,
                                         v1::DeleteBackendResponse& response) {
  CO_TRY(MayChange(ctx, request.reason()));
  co_return co_await OnPool(ctx, control_.thread(), [&]() -> Status {
    const Edit edit = [&](const BackendConfig& old,
                          const Snapshot& current) -> Result<std::optional<BackendConfig>> {
      auto on = NamespacesOn(current, old.name);
      if (!on.empty()) return std::unexpected(InUse(old.name, std::move(on)));
      return std::nullopt;
    };
    TRY_ASSIGN(const auto outcome, Change(ctx, kDelete, request.name(), request.revision(), edit,
                                          ChangeOptions(ctx, request.reason(), request.dry_run())));
    response.set_revision(outcome.revision);
    return {};
  });
}

Status BackendAdminService::ReadOne(const v1::GetBackendRequest& request, const RoutingTable* table,
                                    v1::Backend& response) const {
  const bool past = request.revision() != 0;
  TRY_ASSIGN(const auto found, past ? reader_.FindBackendAt(request.name(), request.revision())
                                    : reader_.FindBackend(request.name()));
  if (!found) return std::unexpected(NotFound(request.name()));
  ToProto(*found, past ? nullptr : table, response);
  return {};
}

Task<Status> BackendAdminService::Get(CallContext& ctx, const v1::GetBackendRequest& request,
                                      v1::Backend& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  const std::shared_ptr<const RoutingTable> table = changes_.table();
  co_return co_await OnPool(ctx, pool_, [&] { return ReadOne(request, table.get(), response); });
}

Status BackendAdminService::ReadPage(const v1::ListBackendsRequest& request,
                                     const RecordQuery& query, const RoutingTable* table,
                                     v1::ListBackendsResponse& response) const {
  TRY_ASSIGN(const auto page, reader_.ListBackends(query));
  for (const FoundBackend& found : page.rows) ToProto(found, table, *response.add_backends());
  if (page.more) {
    response.set_next_page_token(
        tokens_.Make(kList, request.filter(), page.rows.back().record.config.name));
  }
  response.set_revision(page.revision);
  response.set_total_size(page.total);
  return {};
}

Task<Status> BackendAdminService::List(CallContext& ctx, const v1::ListBackendsRequest& request,
                                       v1::ListBackendsResponse& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  CO_TRY_ASSIGN(const filter::Filter filter, filter::Filter::Compile(request.filter(), schema_));
  RecordQuery query;
  CO_TRY_ASSIGN(query.where, filter::ToSql(filter, RecordQuery::kFirstParameter));
  CO_TRY_ASSIGN(query.limit, PageSizeOf(request.page_size()));
  CO_TRY_ASSIGN(query.after, tokens_.Read(kList, request.filter(), request.page_token()));
  const std::shared_ptr<const RoutingTable> table = changes_.table();
  co_return co_await OnPool(ctx, pool_,
                            [&] { return ReadPage(request, query, table.get(), response); });
}

Status BackendAdminService::ReadHistory(const v1::BackendHistoryRequest& request, std::size_t limit,
                                        std::int64_t before,
                                        v1::BackendHistoryResponse& response) const {
  TRY_ASSIGN(const auto page, reader_.BackendHistory(request.name(), before, limit));
  if (page.rows.empty() && before == 0) return std::unexpected(NotFound(request.name()));
  for (const auto& entry : page.rows) TRY(ToProto(entry, *response.add_changes()));
  if (page.more) {
    response.set_next_page_token(
        tokens_.Make(kHistory, request.name(), std::to_string(page.rows.back().id)));
  }
  return {};
}

Task<Status> BackendAdminService::History(CallContext& ctx,
                                          const v1::BackendHistoryRequest& request,
                                          v1::BackendHistoryResponse& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  CO_TRY_ASSIGN(const std::size_t limit, PageSizeOf(request.page_size()));
  CO_TRY_ASSIGN(const std::int64_t before,
                tokens_.ReadNumber(kHistory, request.name(), request.page_token()));
  co_return co_await OnPool(ctx, pool_,
                            [&] { return ReadHistory(request, limit, before, response); });
}

}  // namespace prism::gateway
