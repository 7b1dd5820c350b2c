#include "gateway/admin/namespace_changes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/strings.h"
#include "gateway/admin/admin_call.h"
#include "gateway/admin/namespace_proto.h"
#include "gateway/admin/recorded_change.h"

namespace prism::gateway {

namespace {

namespace v1 = admin::v1;
using namespaces::Change;
using namespaces::FoundNamespace;
using namespaces::NamespaceConfig;
using namespaces::Revision;
using namespaces::Snapshot;
using namespaces::StoredConfig;

constexpr std::size_t kMaxFeatures = 1000;

// Of the audit.
constexpr std::string_view kCreate = "/prism.admin.v1.NamespaceAdmin/Create";
constexpr std::string_view kUpdate = "/prism.admin.v1.NamespaceAdmin/Update";
constexpr std::string_view kDelete = "/prism.admin.v1.NamespaceAdmin/Delete";
constexpr std::string_view kSetFeature = "/prism.admin.v1.NamespaceAdmin/SetFeature";
constexpr std::string_view kRemoveFeature = "/prism.admin.v1.NamespaceAdmin/RemoveFeature";
constexpr std::string_view kRollBack = "/prism.admin.v1.NamespaceAdmin/RollBack";

std::string ObjectOf(const std::string& name) { return "namespace/" + name; }

Status CheckServerSettings(const security::CallerRights& rights, const NamespaceConfig& old,
                           const NamespaceConfig& wanted) {
  const auto fields = ServerSettingsThatDiffer(old, wanted);
  if (fields.empty() || rights.CheckServer()) return {};
  return std::unexpected(
      Error(Code::kPermissionDenied, "ACCESS_DENIED",
            fmt::format("only administrators of the server change {} of a namespace",
                        fmt::join(fields, ", "))));
}

// As it would be.
FoundNamespace Planned(const NamespaceConfig& config, const std::optional<FoundNamespace>& old,
                       Revision revision, const Snapshot& snapshot) {
  FoundNamespace found;
  if (old) found.record = old->record;
  if (!old || old->record.config != config) found.record.revision = revision;
  found.record.config = config;
  const auto* backend = snapshot.FindBackend(config.backend);
  if (backend != nullptr) found.type = backend->type;
  return found;
}

}  // namespace

Error RevisionMismatch(std::string message, Revision current) {
  return Error(Code::kAborted, "REVISION_MISMATCH", std::move(message))
      .With("revision", std::to_string(current));
}

Error NamespaceNotFound(const std::string& name) {
  return Error(Code::kNotFound, "NAMESPACE_NOT_FOUND",
               fmt::format("there is no namespace \"{}\"", name))
      .With("namespace", name);
}

Result<FoundNamespace> NamespaceChanges::FindSeen(const std::string& name, Revision seen) const {
  TRY_ASSIGN(auto found, reader_.FindNamespace(name));
  if (!found) return std::unexpected(NamespaceNotFound(name));
  const Revision now = found->record.revision;
  if (seen == 0 || seen == now) return *std::move(found);
  return std::unexpected(RevisionMismatch(
      fmt::format("the namespace \"{}\" is at revision {}, and you have read {}: read it again, "
                  "and decide again",
                  name, now, seen),
      now));
}

Status NamespaceChanges::Answer(const std::string& name, const ConfigControl::Outcome& outcome,
                                bool dry_run, v1::Namespace& response) const {
  TRY_ASSIGN(auto found, reader_.FindNamespace(name));
  const Snapshot& snapshot = outcome.table->snapshot();
  if (dry_run) found = Planned(*snapshot.FindNamespace(name), found, outcome.revision, snapshot);
  ToProto(*found, outcome.table.get(), response);
  return {};
}

Status NamespaceChanges::ChangeOne(const contract::CallContext& ctx, std::string_view action,
                                   const std::string& name, Revision seen, const Edit& edit,
                                   const ConfigControl::Options& options, v1::Namespace& response) {
  const auto plan = [&](const StoredConfig& current) -> Result<Change> {
    TRY_ASSIGN(const FoundNamespace found, FindSeen(name, seen));
    TRY_ASSIGN(NamespaceConfig config, edit(found.record.config, *current.snapshot));
    Change change;
    if (config != found.record.config) {
      change.namespaces.push_back(
          {.name = name, .to = std::move(config), .seen = found.record.revision});
    }
    return change;
  };
  TRY_ASSIGN(const auto outcome,
             ApplyRecorded(control_, ctx, action, ObjectOf(name), plan, options));
  return Answer(name, outcome, options.dry_run, response);
}

Status NamespaceChanges::Create(const contract::CallContext& ctx,
                                const v1::CreateNamespaceRequest& request,
                                v1::Namespace& response) {
  const std::string& name = request.namespace_().name();
  const auto plan = [&](const StoredConfig& current) -> Result<Change> {
    TRY_ASSIGN(NamespaceConfig config,
               ReadNamespace(request.namespace_(), current.snapshot->backends));
    TRY_ASSIGN(const auto found, reader_.FindNamespace(name));
    if (found) {
      return std::unexpected(RevisionMismatch(
          fmt::format("there is a namespace \"{}\": update it, or choose another name", name),
          found->record.revision));
    }
    Change change;
    change.namespaces.push_back({.name = name, .to = std::move(config), .seen = 0});
    return change;
  };
  TRY_ASSIGN(const auto outcome,
             ApplyRecorded(control_, ctx, kCreate, ObjectOf(name), plan,
                           ChangeOptions(ctx, request.reason(), request.dry_run())));
  return Answer(name, outcome, request.dry_run(), response);
}

Status NamespaceChanges::Update(const contract::CallContext& ctx,
                                const v1::UpdateNamespaceRequest& request,
                                v1::Namespace& response) {
  const auto edit = [&](const NamespaceConfig& old,
                        const Snapshot& current) -> Result<NamespaceConfig> {
    TRY_ASSIGN(NamespaceConfig config,
               UpdateNamespace(old, request.namespace_(), request.update_mask(), current.backends));
    TRY(CheckServerSettings(RightsOf(ctx), old, config));
    return config;
  };
  auto options = ChangeOptions(ctx, request.reason(), request.dry_run());
  options.force = request.force();
  return ChangeOne(ctx, kUpdate, request.name(), request.revision(), edit, options, response);
}

Status NamespaceChanges::Delete(const contract::CallContext& ctx,
                                const v1::DeleteNamespaceRequest& request,
                                v1::DeleteNamespaceResponse& response) {
  const std::string object = ObjectOf(request.name());
  std::set<std::string> backends;
  const auto plan = [&](const StoredConfig& /*current*/) -> Result<Change> {
    TRY_ASSIGN(const FoundNamespace found, FindSeen(request.name(), request.revision()));
    for (std::string& backend : namespaces::BackendsOf(found.record.config)) {
      backends.insert(std::move(backend));
    }
    Change change;
    change.namespaces.push_back({.name = request.name(),
                                 .to = {},
                                 .seen = found.record.revision,
                                 .purge = request.purge()});
    return change;
  };
  auto options = ChangeOptions(ctx, request.reason(), request.dry_run());
  OperationRecord purging{
      .kind = "namespace purge", .object = object, .created_by = options.author.who};
  if (request.purge()) {
    options.also = [&](sqlite::Connection& connection, Revision) {
      return operations_.BeginIn(connection, purging);
    };
  }
  TRY_ASSIGN(const auto outcome, ApplyRecorded(control_, ctx, kDelete, object, plan, options));
  response.set_revision(outcome.revision);
  if (!request.purge()) return {};
  response.mutable_purged_backends()->Assign(backends.begin(), backends.end());
  if (!request.dry_run()) response.set_operation(std::to_string(purging.id));
  return {};
}

Status NamespaceChanges::SetFeature(const contract::CallContext& ctx,
                                    const v1::SetFeatureRequest& request, v1::Namespace& response) {
  if (!base::IsValidName(request.feature())) {
    return std::unexpected(InvalidField("BAD_NAME", "feature",
                                        "must be 1 to 63 of a-z, 0-9 and -, beginning with a "
                                        "letter or digit"));
  }
  const auto edit = [&](const NamespaceConfig& old, const Snapshot&) -> Result<NamespaceConfig> {
    NamespaceConfig config = old;
    config.features[request.feature()] = request.enabled();
    if (config.features.size() > kMaxFeatures) {
      return std::unexpected(
          InvalidField("BAD_VALUE", "feature", fmt::format("more than {} features", kMaxFeatures)));
    }
    return config;
  };
  return ChangeOne(ctx, kSetFeature, request.name(), request.revision(), edit,
                   ChangeOptions(ctx, request.reason(), false), response);
}

Status NamespaceChanges::RemoveFeature(const contract::CallContext& ctx,
                                       const v1::RemoveFeatureRequest& request,
                                       v1::Namespace& response) {
  const auto edit = [&](const NamespaceConfig& old, const Snapshot&) -> Result<NamespaceConfig> {
    NamespaceConfig config = old;
    if (config.features.erase(request.feature()) == 1) return config;
    return std::unexpected(Error(
        Code::kNotFound, "FEATURE_NOT_FOUND",
        fmt::format("the namespace \"{}\" has no feature \"{}\"", old.name, request.feature())));
  };
  return ChangeOne(ctx, kRemoveFeature, request.name(), request.revision(), edit,
                   ChangeOptions(ctx, request.reason(), false), response);
}

Status NamespaceChanges::RollBack(const contract::CallContext& ctx,
                                  const v1::RollBackNamespaceRequest& request,
                                  v1::RollBackNamespaceResponse& response) {
  const std::string& name = request.name();
  const auto plan = [&](const StoredConfig& /*current*/) -> Result<Change> {
    if (request.revision() != 0) TRY(FindSeen(name, request.revision()));
    TRY_ASSIGN(const auto history, reader_.NamespaceHistory(name, 0, 1));
    if (history.rows.empty()) return std::unexpected(NamespaceNotFound(name));
    return control_.store().PlanRollBack(request.to_revision(), name);
  };
  auto options = ChangeOptions(ctx, request.reason(), request.dry_run());
  options.force = true;  // what was offered then is what is wanted
  TRY_ASSIGN(const auto outcome,
             ApplyRecorded(control_, ctx, kRollBack, ObjectOf(name), plan, options));
  response.set_revision(outcome.revision);
  if (outcome.table->snapshot().FindNamespace(name) == nullptr) return {};
  return Answer(name, outcome, request.dry_run(), *response.mutable_namespace_());
}

}  // namespace prism::gateway
