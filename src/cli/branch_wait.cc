#include "cli/branch_wait.h"

#include <optional>

#include "cli/operation_wait.h"

namespace prism::cli {
namespace {

namespace pb = ::prism::admin::v1;

// What has gone again by now is its name alone.
template <class List, class Message>
void Find(const List& list, const std::string& name, Message& into) {
  into.Clear();
  into.set_name(name);
  for (const Message& one : list) {
    if (one.name() == name) into = one;
  }
}

}  // namespace

Result<bool> AwaitBranch(Shell& shell, const ChangeOptions& options, pb::Branch& into) {
  if (into.operation().empty()) return true;
  TRY_ASSIGN(const auto made, AwaitWork(shell, options, into.operation(), into));
  if (!made) return false;
  pb::GetBranchRequest request;
  request.set_name(*made);
  TRY(shell.AdminCall(AdminPath("BranchAdmin/Get"), request, into));
  return true;
}

Result<bool> AwaitSnapshot(Shell& shell, const ChangeOptions& options, const std::string& branch,
                           pb::Snapshot& into) {
  if (into.operation().empty()) return true;
  TRY_ASSIGN(const auto made, AwaitWork(shell, options, into.operation(), into));
  if (!made) return false;
  pb::ListSnapshotsRequest request;
  request.set_name(branch);
  pb::ListSnapshotsResponse list;
  TRY(shell.AdminCall(AdminPath("BranchAdmin/ListSnapshots"), request, list));
  Find(list.snapshots(), *made, into);
  return true;
}

Result<bool> AwaitSource(Shell& shell, const ChangeOptions& options, pb::BranchSource& into) {
  if (into.operation().empty()) return true;
  TRY_ASSIGN(const auto made, AwaitWork(shell, options, into.operation(), into));
  if (!made) return false;
  pb::ListBranchSourcesResponse list;
  TRY(shell.AdminCall(AdminPath("BranchAdmin/ListSources"), pb::ListBranchSourcesRequest(), list));
  Find(list.sources(), *made, into);
  return true;
}

}  // namespace prism::cli
