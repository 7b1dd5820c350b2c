#include "gateway/admin/namespace_admin.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "filter/filter.h"
#include "filter/sql.h"
#include "gateway/admin/field_mask.h"
#include "gateway/admin/namespace_proto.h"
#include "gateway/admin/page_size.h"

namespace prism::gateway {

namespace {

namespace v1 = admin::v1;
using contract::CallContext;
using namespaces::ConfigReader;
using namespaces::FoundNamespace;
using namespaces::RecordQuery;
using namespaces::Revision;
using runtime::Task;
using security::Permission;

constexpr std::string_view kList = "namespace_admin.list";
constexpr std::string_view kHistory = "namespace_admin.history";
constexpr std::int64_t kDefaultWaitSeconds = 300;
constexpr std::size_t kMaxCounts = 1000;
constexpr std::size_t kWatchBatch = 500;

// Of what is served, those that the caller may see; nothing: all.
std::optional<std::vector<std::string>> NamesFor(const security::CallerRights& rights,
                                                 const RoutingTable* table) {
  if (rights.CheckServer()) return std::nullopt;
  std::vector<std::string> names;
  if (table == nullptr) return names;
  for (const namespaces::NamespaceConfig& config : table->snapshot().namespaces) {
    if (rights.Check(config.name, Permission::kAdmin)) names.push_back(config.name);
  }
  return names;
}

Error TwoTimes() {
  return InvalidField("ARGUMENTS_EXCLUSIVE", "index",
                      "waits for what is to come, and revision asks for what was: keep one");
}

v1::NamespaceEvent EventOf(const std::string& name, const FoundNamespace* found,
                           const RoutingTable* table, Revision revision) {
  v1::NamespaceEvent event;
  event.set_revision(revision);
  event.set_name(name);
  if (found != nullptr) ToProto(*found, table, *event.mutable_namespace_());
  return event;
}

}  // namespace

NamespaceAdminService::NamespaceAdminService(ConfigControl& control, runtime::BlockingPool& pool,
                                             ConfigChanges& changes, OperationStore& operations)
    : control_(control),
      pool_(pool),
      changes_(changes),
      reader_(control.store()),
      writer_(control, operations),
      schema_(namespaces::NamespaceFilterSchema()) {}

Status NamespaceAdminService::MayChange(const CallContext& ctx, std::string_view name,
                                        std::string_view reason) {
  TRY(RightsOf(ctx).Check(name, Permission::kAdmin));
  return CheckReason(reason);
}

Status NamespaceAdminService::MayChangeServer(const CallContext& ctx, std::string_view reason) {
  TRY(RightsOf(ctx).CheckServer());
  return CheckReason(reason);
}

Task<Status> NamespaceAdminService::Create(CallContext& ctx,
                                           const v1::CreateNamespaceRequest& request,
                                           v1::Namespace& response) {
  CO_TRY(MayChangeServer(ctx, request.reason()));
  co_return co_await OnPool(ctx, control_.thread(),
                            [&] { return writer_.Create(ctx, request, response); });
}

Task<Status> NamespaceAdminService::Update(CallContext& ctx,
                                           const v1::UpdateNamespaceRequest& request,
                                           v1::Namespace& response) {
  CO_TRY(MayChange(ctx, request.name(), request.reason()));
  co_return co_await OnPool(ctx, control_.thread(),
                            [&] { return writer_.Update(ctx, request, response); });
}

Task<Status> NamespaceAdminService::Delete(CallContext& ctx,
                                           const v1::DeleteNamespaceRequest& request,
                                           v1::DeleteNamespaceResponse& response) {
  CO_TRY(MayChangeServer(ctx, request.reason()));
  co_return co_await OnPool(ctx, control_.thread(),
                            [&] { return writer_.Delete(ctx, request, response); });
}

Task<Status> NamespaceAdminService::SetFeature(CallContext& ctx,
                                               const v1::SetFeatureRequest& request,
                                               v1::Namespace& response) {
  CO_TRY(MayChange(ctx, request.name(), request.reason()));
  co_return co_await OnPool(ctx, control_.thread(),
                            [&] { return writer_.SetFeature(ctx, request, response); });
}

Task<Status> NamespaceAdminService::RemoveFeature(CallContext& ctx,
                                                  const v1::RemoveFeatureRequest& request,
                                                  v1::Namespace& response) {
  CO_TRY(MayChange(ctx, request.name(), request.reason()));
  co_return co_await OnPool(ctx, control_.thread(),
                            [&] { return writer_.RemoveFeature(ctx, request, response); });
}

Task<Status> NamespaceAdminService::RollBack(CallContext& ctx,
                                             const v1::RollBackNamespaceRequest& request,
                                             v1::RollBackNamespaceResponse& response) {
  CO_TRY(MayChangeServer(ctx, request.reason()));
  co_return co_await OnPool(ctx, control_.thread(),
                            [&] { return writer_.RollBack(ctx, request, response); });
}

Status NamespaceAdminService::ReadPast(const v1::GetNamespaceRequest& request,
                                       v1::Namespace& response) const {
  TRY_ASSIGN(const auto found, reader_.FindNamespaceAt(request.name(), request.revision()));
  if (!found) return std::unexpected(NamespaceNotFound(request.name()));
  ToProto(*found, nullptr, response);
  return {};
}

Task<Status> NamespaceAdminService::Get(CallContext& ctx, const v1::GetNamespaceRequest& request,
                                        v1::Namespace& response) {
  CO_TRY(RightsOf(ctx).Check(request.name(), Permission::kAdmin));
  if (request.revision() != 0) {
    if (request.index() != 0) co_return std::unexpected(TwoTimes());
    co_return co_await OnPool(ctx, pool_, [&] { return ReadPast(request, response); });
  }
  CO_TRY_ASSIGN(const MonoNanos until,
                WaitEnd(request.has_wait(), request.wait(), kDefaultWaitSeconds));
  for (;;) {
    const std::uint64_t seen = changes_.count();
    const auto found = changes_.Find(request.name());
    if (!found) co_return std::unexpected(NamespaceNotFound(request.name()));
    const bool newer = request.index() == 0 || found->record.revision > request.index();
    if (!newer) {
      CO_TRY_ASSIGN(const bool more, co_await changes_.WaitForMore(ctx, seen, until));
      // What came may be about that.
      CO_TRY(RightsOf(ctx).Check(request.name(), Permission::kAdmin));
      if (more) continue;
    }
    ToProto(*found, changes_.table().get(), response);
    co_return Status();
  }
}

Result<RecordQuery> NamespaceAdminService::QueryOf(const security::CallerRights& rights,
                                                   const std::string& filter,
                                                   const RoutingTable* table) const {
  TRY_ASSIGN(const filter::Filter compiled, filter::Filter::Compile(filter, schema_));
  RecordQuery query;
  TRY_ASSIGN(query.where, filter::ToSql(compiled, RecordQuery::kFirstParameter));
  query.names = NamesFor(rights, table);
  return query;
}

Status NamespaceAdminService::ReadPage(const v1::ListNamespacesRequest& request, RecordQuery query,
                                       const RoutingTable* table,
                                       v1::ListNamespacesResponse& response) const {
  TRY_ASSIGN(query.limit, PageSizeOf(request.page_size()));
  TRY_ASSIGN(query.after, tokens_.Read(kList, request.filter(), request.page_token()));
  TRY_ASSIGN(const auto page, reader_.ListNamespaces(query));
  response.Clear();
  for (const FoundNamespace& found : page.rows) {
    ToProto(found, table, *response.add_namespaces());
  }
  if (page.more) {
    response.set_next_page_token(
        tokens_.Make(kList, request.filter(), page.rows.back().record.config.name));
  }
  response.set_revision(page.revision);
  response.set_total_size(page.total);
  return {};
}

Task<Status> NamespaceAdminService::List(CallContext& ctx, const v1::ListNamespacesRequest& request,
                                         v1::ListNamespacesResponse& response) {
  CO_TRY(RightsOf(ctx).CheckIdentity());
  CO_TRY_ASSIGN(const MonoNanos until,
                WaitEnd(request.has_wait(), request.wait(), kDefaultWaitSeconds));
  for (;;) {
    const std::uint64_t seen = changes_.count();
    const std::shared_ptr<const RoutingTable> table = changes_.table();
    const security::CallerRights rights = RightsOf(ctx);
    CO_TRY(co_await OnPool(ctx, pool_, [&]() -> Status {
      TRY_ASSIGN(RecordQuery query, QueryOf(rights, request.filter(), table.get()));
      return ReadPage(request, std::move(query), table.get(), response);
    }));
    if (request.index() == 0 || response.revision() > request.index()) co_return Status();
    CO_TRY_ASSIGN(const bool more, co_await changes_.WaitForMore(ctx, seen, until));
    if (!more) co_return Status();
  }
}

Task<Status> NamespaceAdminService::Count(CallContext& ctx,
                                          const v1::CountNamespacesRequest& request,
                                          v1::CountNamespacesResponse& response) {
  CO_TRY(RightsOf(ctx).CheckIdentity());
  const std::string_view column = ConfigReader::CountColumn(request.by());
  if (column.empty() && !request.by().empty()) {
    const std::array<std::string, 6> known = {"backend",     "pattern", "status",
                                              "consistency", "owner",   "created_by"};
    co_return std::unexpected(UnknownField("by", request.by(), "a count", known));
  }
  const std::shared_ptr<const RoutingTable> table = changes_.table();
  const security::CallerRights rights = RightsOf(ctx);
  CO_TRY_ASSIGN(const auto counts,
                co_await OnPool(ctx, pool_, [&]() -> Result<ConfigReader::Counts> {
                  TRY_ASSIGN(RecordQuery query, QueryOf(rights, request.filter(), table.get()));
                  query.limit = kMaxCounts;
                  return reader_.CountNamespaces(query, column);
                }));
  for (const auto& [value, count] : counts.values) {
    v1::NamespaceCount& one = *response.add_counts();
    one.set_value(value);
    one.set_count(count);
  }
  response.set_total(counts.total);
  co_return Status();
}

Status NamespaceAdminService::ReadHistory(const v1::NamespaceHistoryRequest& request,
                                          std::size_t limit, std::int64_t before,
                                          v1::NamespaceHistoryResponse& response) const {
  TRY_ASSIGN(const auto page, reader_.NamespaceHistory(request.name(), before, limit));
  if (page.rows.empty() && before == 0) return std::unexpected(NamespaceNotFound(request.name()));
  for (const auto& entry : page.rows) TRY(ToProto(entry, *response.add_changes()));
  if (page.more) {
    response.set_next_page_token(
        tokens_.Make(kHistory, request.name(), std::to_string(page.rows.back().id)));
  }
  return {};
}

Task<Status> NamespaceAdminService::History(CallContext& ctx,
                                            const v1::NamespaceHistoryRequest& request,
                                            v1::NamespaceHistoryResponse& response) {
  CO_TRY(RightsOf(ctx).Check(request.name(), Permission::kAdmin));
  CO_TRY_ASSIGN(const std::size_t limit, PageSizeOf(request.page_size()));
  CO_TRY_ASSIGN(const std::int64_t before,
                tokens_.ReadNumber(kHistory, request.name(), request.page_token()));
  co_return co_await OnPool(ctx, pool_,
                            [&] { return ReadHistory(request, limit, before, response); });
}

Result<std::int64_t> NamespaceAdminService::PlaceOf(Revision after) const {
  TRY_ASSIGN(const Revision current, reader_.CurrentRevision());
  if (after < 0 || after > current) {
    return std::unexpected(
        Error(Code::kOutOfRange, "REVISION_UNKNOWN",
              fmt::format("there is no revision {}: the newest one is {}", after, current)));
  }
  return reader_.HistoryPlaceOf(after == 0 ? current : after);
}

Task<Status> NamespaceAdminService::Watch(CallContext& ctx,
                                          const v1::WatchNamespacesRequest& request, Sink sink) {
  CO_TRY(RightsOf(ctx).CheckIdentity());
  CO_TRY_ASSIGN(const filter::Filter filter, filter::Filter::Compile(request.filter(), schema_));
  CO_TRY_ASSIGN(const std::int64_t place,
                co_await OnPool(ctx, pool_, [&] { return PlaceOf(request.after_revision()); }));
  // Changes behind the place are told after the state, which may have them already.
  if (request.after_revision() == 0) CO_TRY(co_await TellState(ctx, request.filter(), sink));
  co_return co_await TellChanges(ctx, filter, place, sink);
}

Task<Status> NamespaceAdminService::TellState(CallContext& ctx, const std::string& filter,
                                              Sink sink) {
  const std::shared_ptr<const RoutingTable> table = changes_.table();
  const security::CallerRights rights = RightsOf(ctx);
  CO_TRY_ASSIGN(RecordQuery query,
                co_await OnPool(ctx, pool_, [&] { return QueryOf(rights, filter, table.get()); }));
  query.limit = kWatchBatch;
  for (;;) {
    CO_TRY_ASSIGN(const auto page,
                  co_await OnPool(ctx, pool_, [&] { return reader_.ListNamespaces(query); }));
    for (const FoundNamespace& found : page.rows) {
      const std::string& name = found.record.config.name;
      CO_TRY(co_await sink.Write(EventOf(name, &found, changes_.table().get(), page.revision)));
      query.after = name;
    }
    if (!page.more) co_return Status();
  }
}

Task<Status> NamespaceAdminService::TellChanges(CallContext& ctx, const filter::Filter& filter,
                                                std::int64_t place, Sink sink) {
  bool complete = false;  // that was said
  for (;;) {
    const std::uint64_t seen = changes_.count();
    CO_TRY_ASSIGN(const auto changes, co_await OnPool(ctx, pool_, [&] {
                    return reader_.NamespaceChangesAfter(place, kWatchBatch);
                  }));
    place = changes.last;
    for (const auto& [name, now] : changes.now) {
      if (!RightsOf(ctx).Check(name, Permission::kAdmin)) continue;
      const bool fits = now && filter.Matches(namespaces::FilteredNamespace(*now));
      CO_TRY(co_await sink.Write(
          EventOf(name, fits ? &*now : nullptr, changes_.table().get(), changes.revision)));
      complete = false;
    }
    if (changes.more) continue;
    if (!complete) CO_TRY(co_await sink.Write(EventOf("", nullptr, nullptr, changes.revision)));
    complete = true;
    CO_TRY_ASSIGN(const bool more, co_await changes_.WaitForMore(ctx, seen, runtime::kNoDeadline));
    if (!more) {
      co_return std::unexpected(Error(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                                      "the watch reached its deadline: watch again"));
    }
  }
}

}  // namespace prism::gateway
