#include "gateway/admin/config_admin.h"

#include <fmt/format.h>

#include <utility>

#include "base/utf8.h"
#include "gateway/admin/audit_trail.h"
#include "gateway/admin/config_differences.h"
#include "gateway/admin/namespace_changes.h"
#include "gateway/admin/operation_admin.h"
#include "gateway/admin/page_size.h"
#include "gateway/admin/recorded_change.h"
#include "gateway/admin/times.h"
#include "namespaces/yaml_source.h"
#include "namespaces/yaml_value.h"
#include "namespaces/yaml_writer.h"
#include "security/audit_log.h"

namespace prism::gateway {

namespace {

namespace v1 = admin::v1;
using contract::CallContext;
using namespaces::Revision;
using namespaces::Snapshot;
using namespaces::StoredConfig;
using runtime::Task;

constexpr std::string_view kRevisions = "config_admin.list_revisions";
constexpr std::string_view kBackUpKind = "config backup";
constexpr std::size_t kMaxMessageBytes = 3u << 20;
constexpr std::size_t kMaxTextBytes = namespaces::YamlLimits().max_bytes;
constexpr std::size_t kExportPieceBytes = 256u << 10;

// Of the audit.
constexpr std::string_view kImport = "/prism.admin.v1.ConfigAdmin/Import";
constexpr std::string_view kImportPieces = "/prism.admin.v1.ConfigAdmin/ImportPieces";
constexpr std::string_view kBackUp = "/prism.admin.v1.ConfigAdmin/BackUp";
constexpr std::string_view kRollBack = "/prism.admin.v1.ConfigAdmin/RollBack";

Status CheckOneMessage(std::string field, const std::string& yaml) {
  if (yaml.size() <= kMaxMessageBytes) return {};
  return std::unexpected(
      InvalidField("CONFIG_TOO_LARGE", std::move(field),
                   fmt::format("has {} bytes, at most {} are taken in one message: send it with "
                               "`prism config import` or `prism config diff`, in pieces",
                               yaml.size(), kMaxMessageBytes)));
}

// The first of the pieces with the text of all.
template <class Request>
Task<Result<Request>> Together(contract::Source<Request> pieces, std::string* (Request::*text)()) {
  Request whole;
  Request piece;
  CO_TRY_ASSIGN(bool more, co_await pieces.Read(whole));
  std::string& all = *(whole.*text)();
  while (more) {
    CO_TRY_ASSIGN(more, co_await pieces.Read(piece));
    if (more) all += *(piece.*text)();
    if (all.size() <= kMaxTextBytes) continue;
    co_return std::unexpected(
        Error(Code::kInvalidArgument, "CONFIG_TOO_LARGE",
              fmt::format("the text has more than {} bytes, and no file may: import it in parts",
                          kMaxTextBytes)));
  }
  co_return whole;
}

// What a configuration becomes by a text: the text alone, or with what it does not name.
Result<Snapshot> Merged(const Snapshot& current, const std::string& yaml, bool replace) {
  TRY_ASSIGN(const namespaces::ConfigPart part,
             ParsePart(yaml, "yaml", replace ? decltype(current.backends)() : current.backends));
  Snapshot next;
  if (!replace) next = current;
  namespaces::Change change;
  for (const auto& backend : part.backends) change.backends.push_back({backend.name, backend});
  for (const auto& ns : part.namespaces) change.namespaces.push_back({ns.name, ns});
  return Changed(next, change);
}

}  // namespace

ConfigAdminService::ConfigAdminService(Parts parts)
    : parts_(std::move(parts)), reader_(parts_.control.store()) {}

Status ConfigAdminService::MayChange(const CallContext& ctx, std::string_view reason) {
  TRY(RightsOf(ctx).CheckServer());
  return CheckReason(reason);
}

Result<StoredConfig> ConfigAdminService::ConfigAt(Revision revision, const Served& served) const {
  if (revision != 0) return parts_.control.store().LoadAt(revision);
  const Snapshot& snapshot = served->snapshot();
  return StoredConfig{.revision = snapshot.revision, .snapshot = {served, &snapshot}};
}

Task<Status> ConfigAdminService::Export(CallContext& ctx, const v1::ExportConfigRequest& request,
                                        contract::Sink<v1::ExportConfigResponse> sink) {
  CO_TRY(RightsOf(ctx).CheckServer());
  std::string yaml;
  v1::ExportConfigResponse piece;
  const Served served = parts_.changes.table();
  CO_TRY(co_await OnPool(ctx, parts_.whole_reads, [&]() -> Status {
    TRY_ASSIGN(const StoredConfig config, ConfigAt(request.revision(), served));
    yaml = ToYaml(*config.snapshot);
    piece.set_revision(config.revision);
    return {};
  }));
  std::string_view left = yaml;
  do {
    const std::string_view next = base::TruncateUtf8(left, kExportPieceBytes);
    piece.set_yaml(std::string(next));
    left.remove_prefix(next.size());
    CO_TRY(co_await sink.Write(piece));
  } while (!left.empty());
  co_return Status();
}

template <class Response>
Status ConfigAdminService::Change(const CallContext& ctx, std::string_view action, Revision seen,
                                  const ConfigControl::Plan& plan,
                                  const ConfigControl::Options& options, Response& response) {
  std::shared_ptr<const Snapshot> before;
  const auto checked = [&](const StoredConfig& current) -> Result<namespaces::Change> {
    before = current.snapshot;
    if (seen == 0 || seen == current.revision) return plan(current);
    return std::unexpected(RevisionMismatch(
        fmt::format("the configuration is at revision {}, and you have read {}: read it again, and "
                    "decide again",
                    current.revision, seen),
        current.revision));
  };
  TRY_ASSIGN(const auto outcome,
             ApplyRecorded(parts_.control, ctx, action, "config", checked, options));
  response.set_revision(outcome.revision);
  response.set_total_size(
      AddDifferences(*before, outcome.table->snapshot(), *response.mutable_differences()));
  return {};
}

Task<Status> ConfigAdminService::Import(CallContext& ctx, const v1::ImportConfigRequest& request,
                                        v1::ImportConfigResponse& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  CO_TRY(CheckOneMessage("yaml", request.yaml()));
  co_return co_await ImportText(ctx, kImport, request, response);
}

Task<Status> ConfigAdminService::ImportPieces(CallContext& ctx,
                                              contract::Source<v1::ImportConfigRequest> pieces,
                                              v1::ImportConfigResponse& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  CO_TRY_ASSIGN(const auto request,
                co_await Together(pieces, &v1::ImportConfigRequest::mutable_yaml));
  co_return co_await ImportText(ctx, kImportPieces, request, response);
}

Task<Status> ConfigAdminService::ImportText(CallContext& ctx, std::string_view action,
                                            const v1::ImportConfigRequest& request,
                                            v1::ImportConfigResponse& response) {
  CO_TRY(MayChange(ctx, request.reason()));
  co_return co_await OnPool(ctx, parts_.control.thread(), [&] {
    const auto plan = [&](const StoredConfig& current) -> Result<namespaces::Change> {
      TRY_ASSIGN(const Snapshot next, Merged(*current.snapshot, request.yaml(), request.replace()));
      return Difference(*current.snapshot, next);
    };
    return Change(ctx, action, request.revision(), plan,
                  ChangeOptions(ctx, request.reason(), request.dry_run()), response);
  });
}

Status ConfigAdminService::Compare(const v1::DiffConfigRequest& request, const Served& served,
                                   v1::DiffConfigResponse& response) const {
  TRY_ASSIGN(const StoredConfig from, ConfigAt(request.from_revision(), served));
  response.set_from_revision(from.revision);
  Snapshot to;
  if (request.to_yaml().empty()) {
    TRY_ASSIGN(const StoredConfig other, ConfigAt(request.to_revision(), served));
    response.set_to_revision(other.revision);
    to = *other.snapshot;
  } else {
    TRY_ASSIGN(to, Merged(*from.snapshot, request.to_yaml(), request.replace()));
  }
  response.set_total_size(AddDifferences(*from.snapshot, to, *response.mutable_differences()));
  return {};
}

Task<Status> ConfigAdminService::Diff(CallContext& ctx, const v1::DiffConfigRequest& request,
                                      v1::DiffConfigResponse& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  CO_TRY(CheckOneMessage("to_yaml", request.to_yaml()));
  co_return co_await DiffText(ctx, request, response);
}

Task<Status> ConfigAdminService::DiffPieces(CallContext& ctx,
                                            contract::Source<v1::DiffConfigRequest> pieces,
                                            v1::DiffConfigResponse& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  CO_TRY_ASSIGN(const auto request,
                co_await Together(pieces, &v1::DiffConfigRequest::mutable_to_yaml));
  co_return co_await DiffText(ctx, request, response);
}

Task<Status> ConfigAdminService::DiffText(CallContext& ctx, const v1::DiffConfigRequest& request,
                                          v1::DiffConfigResponse& response) {
  if (request.to_revision() != 0 && !request.to_yaml().empty()) {
    co_return std::unexpected(
        InvalidField("ARGUMENTS_EXCLUSIVE", "to_yaml", "stands in place of to_revision: keep one"));
  }
  const Served served = parts_.changes.table();
  co_return co_await OnPool(ctx, parts_.whole_reads,
                            [&] { return Compare(request, served, response); });
}

Status ConfigAdminService::ReadRevisions(Revision before, std::size_t limit,
                                         v1::ListRevisionsResponse& response) const {
  TRY_ASSIGN(const auto page, reader_.Revisions(before, limit));
  for (const namespaces::RevisionEntry& entry : page.rows) {
    v1::Revision& revision = *response.add_revisions();
    revision.set_revision(entry.revision);
    SetTime(entry.changed_at * 1000, *revision.mutable_time());
    revision.set_changed_by(entry.changed_by);
    revision.set_reason(entry.reason);
    revision.mutable_objects()->Assign(entry.objects.begin(), entry.objects.end());
    revision.set_total_size(entry.total);
  }
  if (page.more) {
    response.set_next_page_token(
        tokens_.Make(kRevisions, "", std::to_string(page.rows.back().revision)));
  }
  return {};
}

Task<Status> ConfigAdminService::ListRevisions(CallContext& ctx,
                                               const v1::ListRevisionsRequest& request,
                                               v1::ListRevisionsResponse& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  CO_TRY_ASSIGN(const std::size_t limit, PageSizeOf(request.page_size()));
  CO_TRY_ASSIGN(const std::int64_t before,
                tokens_.ReadNumber(kRevisions, "", request.page_token()));
  co_return co_await OnPool(ctx, parts_.pool,
                            [&] { return ReadRevisions(before, limit, response); });
}

Task<Status> ConfigAdminService::RollBack(CallContext& ctx,
                                          const v1::RollBackConfigRequest& request,
                                          v1::RollBackConfigResponse& response) {
  CO_TRY(MayChange(ctx, request.reason()));
  co_return co_await OnPool(ctx, parts_.control.thread(), [&] {
    const auto plan = [&](const StoredConfig&) {
      return parts_.control.store().PlanRollBack(request.to_revision());
    };
    auto options = ChangeOptions(ctx, request.reason(), request.dry_run());
    options.force = true;  // what was offered then is what is wanted
    return Change(ctx, kRollBack, request.revision(), plan, options, response);
  });
}

Status ConfigAdminService::Verify(v1::VerifyHistoryResponse& response) const {
  TRY_ASSIGN(const Revision revision, reader_.CurrentRevision());
  response.set_revision(revision);
  const Status verified = parts_.control.store().VerifyHistory();
  response.set_whole(verified.has_value());
  if (verified) return {};
  if (verified.error().code() != Code::kDataLoss) return verified;
  response.set_problem(verified.error().message());
  return {};
}

Task<Status> ConfigAdminService::VerifyHistory(CallContext& ctx,
                                               const v1::VerifyHistoryRequest& /*request*/,
                                               v1::VerifyHistoryResponse& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  co_return co_await OnPool(ctx, parts_.whole_reads, [&] { return Verify(response); });
}

void ConfigAdminService::RunBackUp(std::int64_t operation) {
  const Result<std::string> made = parts_.back_up();
  backing_up_ = false;
  // When even that can't be stored, the next start says that it was interrupted.
  static_cast<void>(parts_.operations.End(operation, made));
  parts_.changes.Ring();
}

Status ConfigAdminService::BeginBackUp(const CallContext& ctx, v1::Operation& response) {
  if (backing_up_.exchange(true)) {
    return std::unexpected(Error(Code::kFailedPrecondition, "BACKUP_RUNNING",
                                 "a backup is being made: wait for its end"));
  }
  const auto begun = parts_.operations.Begin(
      kBackUpKind, RightsOf(ctx).caller().principal, [&](sqlite::Connection& connection) -> Status {
        TRY(security::AppendAudit(connection, EntryOf(ctx, kBackUp, "config"), ctx.now));
        return {};
      });
  Status queued = begun ? parts_.pool.Submit([this, id = begun->id] { RunBackUp(id); })
                        : Status(std::unexpected(begun.error()));
  if (!queued) {
    backing_up_ = false;
    if (begun) TRY(parts_.operations.End(begun->id, std::unexpected(queued.error())));
    return queued;
  }
  ToProto(*begun, response);
  return {};
}

Task<Status> ConfigAdminService::BackUp(CallContext& ctx,
                                        const v1::BackUpConfigRequest& /*request*/,
                                        v1::Operation& response) {
  CO_TRY(RightsOf(ctx).CheckServer());
  co_return co_await OnPool(ctx, parts_.pool, [&] { return BeginBackUp(ctx, response); });
}

}  // namespace prism::gateway
