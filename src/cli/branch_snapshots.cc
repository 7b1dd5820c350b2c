#include "cli/branch_snapshots.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>

#include "cli/admin_common.h"
#include "cli/branch_wait.h"
#include "cli/output.h"
#include "cli/record_verbs.h"
#include "cli/shell.h"
#include "prism/admin/v1/branches.pb.h"

namespace prism::cli {
namespace {

namespace pb = ::prism::admin::v1;

struct Arguments {
  std::string branch;
  std::string snapshot;
  bool force = false;
  ChangeOptions options;
};

int RunSnapshot(Shell& shell, const Arguments& arguments) {
  pb::CreateSnapshotRequest request;
  request.set_name(arguments.branch);
  request.set_snapshot(arguments.snapshot);
  request.set_reason(arguments.options.reason);
  request.set_background(true);
  pb::Snapshot snapshot;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/CreateSnapshot"), request, snapshot);
  if (!reply) return shell.Fail(reply.error());
  const Result<bool> waited = AwaitSnapshot(shell, arguments.options, arguments.branch, snapshot);
  if (!waited) return shell.Fail(waited.error());
  if (!*waited) return kDone;
  if (!shell.Print(snapshot)) {
    WriteLine(
        fmt::format("snapshot {0}: taken; a branch of it: prism branch create NAME --from {1}@{0}",
                    Printable(snapshot.name()), Printable(arguments.branch)));
  }
  return kDone;
}

int RunSnapshots(Shell& shell, const Arguments& arguments) {
  pb::ListSnapshotsRequest request;
  request.set_name(arguments.branch);
  pb::ListSnapshotsResponse list;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/ListSnapshots"), request, list);
  if (!reply) return shell.Fail(reply.error());
  Table table({"SNAPSHOT", "TAKEN", "CHECKPOINT", "AUTOMATIC"});
  for (const pb::Snapshot& snapshot : list.snapshots()) {
    if (shell.PrintElement(snapshot)) continue;
    table.Add({Printable(snapshot.name()), TimeCell(snapshot.create_time()),
               Printable(snapshot.checkpoint_lsn()), snapshot.automatic() ? "yes" : ""});
  }
  if (shell.options.output == Output::kTable) table.Flush();
  return kDone;
}

int RunDeleteSnapshot(Shell& shell, const Arguments& arguments) {
  const Result<bool> confirmed = Confirm(
      arguments.options, fmt::format("Delete the snapshot {} of {} for good?",
                                     Printable(arguments.snapshot), Printable(arguments.branch)));
  if (!confirmed || !*confirmed) return NotConfirmed(shell, confirmed);
  pb::DeleteSnapshotRequest request;
  request.set_name(arguments.branch);
  request.set_snapshot(arguments.snapshot);
  request.set_reason(arguments.options.reason);
  pb::Snapshot snapshot;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/DeleteSnapshot"), request, snapshot);
  if (!reply) return shell.Fail(reply.error());
  if (!shell.Print(snapshot)) {
    WriteLine(fmt::format("snapshot {}: deleted", Printable(snapshot.name())));
  }
  return kDone;
}

// What becomes of the branch by a call that gives it other data.
int TellReplaced(Shell& shell, const Arguments& arguments, pb::Branch branch) {
  const Result<bool> waited = AwaitBranch(shell, arguments.options, branch);
  if (!waited) return shell.Fail(waited.error());
  if (!*waited) return kDone;
  if (!shell.Print(branch)) {
    WriteLine(fmt::format("branch {0}: as of {1}; what it had: prism branch snapshots {0}",
                          Printable(branch.name()), TimeCell(branch.as_of())));
  }
  return kDone;
}

Result<bool> ConfirmReplacement(const Arguments& arguments) {
  return Confirm(arguments.options,
                 fmt::format("Give the branch {} other data?{} What it has is kept as a snapshot.",
                             Printable(arguments.branch),
                             arguments.force ? " Clients in it are cut off." : ""));
}

int RunReset(Shell& shell, const Arguments& arguments) {
  const Result<bool> confirmed = ConfirmReplacement(arguments);
  if (!confirmed || !*confirmed) return NotConfirmed(shell, confirmed);
  pb::ResetBranchRequest request;
  request.set_name(arguments.branch);
  request.set_force(arguments.force);
  request.set_reason(arguments.options.reason);
  request.set_background(true);
  pb::Branch branch;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/Reset"), request, branch);
  return reply ? TellReplaced(shell, arguments, branch) : shell.Fail(reply.error());
}

int RunRestore(Shell& shell, const Arguments& arguments) {
  const Result<bool> confirmed = ConfirmReplacement(arguments);
  if (!confirmed || !*confirmed) return NotConfirmed(shell, confirmed);
  pb::RestoreBranchRequest request;
  request.set_name(arguments.branch);
  request.set_snapshot(arguments.snapshot);
  request.set_force(arguments.force);
  request.set_reason(arguments.options.reason);
  request.set_background(true);
  pb::Branch branch;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/Restore"), request, branch);
  return reply ? TellReplaced(shell, arguments, branch) : shell.Fail(reply.error());
}

using Run = int (*)(Shell& shell, const Arguments& arguments);

// A verb about a branch; more is added to what this answers.
CLI::App* AddVerb(CLI::App& branch, Shell& shell, const std::string& name, const std::string& about,
                  Run run, const std::shared_ptr<Arguments>& arguments) {
  CLI::App* verb = branch.add_subcommand(name, about);
  verb->add_option("BRANCH", arguments->branch, "Its name, or the text that was folded to it")
      ->required();
  shell.On(*verb, [&shell, run, arguments] { return run(shell, *arguments); }, Formats::kAll);
  return verb;
}

void AddSnapshotName(CLI::App& verb, Arguments& arguments) {
  verb.add_option("SNAPSHOT", arguments.snapshot, "Of the branch")->required();
}

void AddReplacement(CLI::App& verb, Arguments& arguments) {
  verb.add_flag("--force", arguments.force, "Although clients are in it: they are cut off");
  AddReason(verb, arguments.options);
  AddNoWait(verb, arguments.options);
  AddYes(verb, arguments.options);
}

}  // namespace

void AddBranchSnapshots(CLI::App& branch, Shell& shell) {
  auto taken = std::make_shared<Arguments>();
  CLI::App* take =
      AddVerb(branch, shell, "snapshot", "Keep what a branch has now", RunSnapshot, taken);
  take->add_option("--name", taken->snapshot, "1 to 63 of a-z, 0-9, _ and -; default: the time")
      ->type_name("SNAPSHOT");
  AddReason(*take, taken->options);
  AddNoWait(*take, taken->options);
  take->footer("Example:\n  prism branch snapshot pr-12 --name before-migration");

  auto listed = std::make_shared<Arguments>();
  AddVerb(branch, shell, "snapshots", "List the snapshots of a branch by time", RunSnapshots,
          listed)
      ->footer("Example:\n  prism branch snapshots pr-12");

  auto deleted = std::make_shared<Arguments>();
  CLI::App* remove = AddVerb(branch, shell, "delete-snapshot", "Delete a snapshot, for good",
                             RunDeleteSnapshot, deleted);
  AddSnapshotName(*remove, *deleted);
  AddReason(*remove, deleted->options);
  AddYes(*remove, deleted->options);
  remove->footer("Example:\n  prism branch delete-snapshot pr-12 before-migration --yes");

  auto reset = std::make_shared<Arguments>();
  CLI::App* to_parent =
      AddVerb(branch, shell, "reset", "Give a branch what its parent has now", RunReset, reset);
  AddReplacement(*to_parent, *reset);
  to_parent->footer("Example:\n  prism branch reset pr-12 --yes");

  auto restored = std::make_shared<Arguments>();
  CLI::App* to_snapshot = AddVerb(branch, shell, "restore",
                                  "Give a branch what it had in a snapshot", RunRestore, restored);
  AddSnapshotName(*to_snapshot, *restored);
  AddReplacement(*to_snapshot, *restored);
  to_snapshot->footer("Example:\n  prism branch restore pr-12 before-migration --yes");
}

}  // namespace prism::cli
