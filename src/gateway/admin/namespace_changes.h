// What the methods of NamespaceAdmin that change something do, once it is known who calls.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "contract/call_context.h"
#include "gateway/admin/config_control.h"
#include "gateway/admin/operation_store.h"
#include "namespaces/store/config_reader.h"
#include "prism/admin/v1/namespaces.pb.h"

namespace prism::gateway {

// Thread rule: everything on the control's thread, where it blocks. Life cycle: as long as the
// control.
class NamespaceChanges {
 public:
  NamespaceChanges(ConfigControl& control, OperationStore& operations)
      : control_(control), operations_(operations), reader_(control.store()) {}

  Status Create(const contract::CallContext& ctx, const admin::v1::CreateNamespaceRequest& request,
                admin::v1::Namespace& response);
  Status Update(const contract::CallContext& ctx, const admin::v1::UpdateNamespaceRequest& request,
                admin::v1::Namespace& response);
  Status Delete(const contract::CallContext& ctx, const admin::v1::DeleteNamespaceRequest& request,
                admin::v1::DeleteNamespaceResponse& response);
  Status SetFeature(const contract::CallContext& ctx, const admin::v1::SetFeatureRequest& request,
                    admin::v1::Namespace& response);
  Status RemoveFeature(const contract::CallContext& ctx,
                       const admin::v1::RemoveFeatureRequest& request,
                       admin::v1::Namespace& response);
  Status RollBack(const contract::CallContext& ctx,
                  const admin::v1::RollBackNamespaceRequest& request,
                  admin::v1::RollBackNamespaceResponse& response);

 private:
  // What becomes of a namespace that is there.
  using Edit = std::function<Result<namespaces::NamespaceConfig>(
      const namespaces::NamespaceConfig& old, const namespaces::Snapshot& current)>;

  // NOT_FOUND/NAMESPACE_NOT_FOUND; ABORTED/REVISION_MISMATCH unless `seen` is 0 or its revision.
  Result<namespaces::FoundNamespace> FindSeen(const std::string& name,
                                              namespaces::Revision seen) const;
  Status ChangeOne(const contract::CallContext& ctx, std::string_view action,
                   const std::string& name, namespaces::Revision seen, const Edit& edit,
                   const ConfigControl::Options& options, admin::v1::Namespace& response);
  // What it has become, or would.
  Status Answer(const std::string& name, const ConfigControl::Outcome& outcome, bool dry_run,
                admin::v1::Namespace& response) const;

  ConfigControl& control_;
  OperationStore& operations_;
  const namespaces::ConfigReader reader_;
};

// ABORTED/REVISION_MISMATCH with the revision that there is.
Error RevisionMismatch(std::string message, namespaces::Revision current);
Error NamespaceNotFound(const std::string& name);

}  // namespace prism::gateway
