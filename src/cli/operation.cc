// prism operation list, get.
#include "cli/operation.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "cli/admin_common.h"
#include "cli/operation_wait.h"
#include "cli/output.h"
#include "cli/record_verbs.h"
#include "cli/shell.h"
#include "prism/admin/v1/operations.pb.h"

namespace prism::cli {
namespace {

namespace pb = ::prism::admin::v1;

// How far it is, or what has become of it.
std::string StateText(const pb::Operation& operation) {
  if (!operation.error().empty()) {
    return "failed: " + Shortened(operation.error().substr(0, operation.error().find(':')), 60);
  }
  if (operation.done()) return "done";
  return operation.progress().empty() ? "goes on" : "goes on: " + Printable(operation.progress());
}

int RunList(Shell& shell) {
  pb::ListOperationsRequest request;
  request.set_page_size(100);
  pb::ListOperationsResponse list;
  const auto reply = shell.AdminCall(AdminPath("OperationAdmin/List"), request, list);
  if (!reply) return shell.Fail(reply.error());
  Table table({"OPERATION", "KIND", "OBJECT", "BEGUN", "BY", "STATE"});
  for (const pb::Operation& operation : list.operations()) {
    if (shell.PrintElement(operation)) continue;
    table.Add({Printable(operation.name()), Printable(operation.kind()),
               Printable(operation.object()), TimeCell(operation.create_time()),
               Shortened(operation.created_by(), 40), StateText(operation)});
  }
  if (shell.options.output == Output::kTable) table.Flush();
  return kDone;
}

// Of one that has failed: 1, and its error.
int RunGet(Shell& shell, const std::string& name, bool wait) {
  pb::GetOperationRequest request;
  request.set_name(name);
  pb::Operation operation;
  const auto reply = shell.AdminCall(AdminPath("OperationAdmin/Get"), request, operation);
  if (!reply) return shell.Fail(reply.error());
  if (wait) {
    auto ended = AwaitEnd(shell, operation);
    if (!ended) return shell.Fail(ended.error());
    operation = *std::move(ended);
    if (!operation.error().empty()) return shell.Fail(ErrorOf(operation.error()));
  }
  if (!shell.Print(operation)) WriteOut(DetailTable(operation, HasColor(stdout)));
  return kDone;
}

void AddList(CLI::App& group, Shell& shell) {
  CLI::App* verb = group.add_subcommand("list", "List the newest 100, newest first");
  verb->footer("Example:\n  prism operation list -o json");
  shell.On(*verb, [&shell] { return RunList(shell); }, Formats::kAll);
}

void AddGet(CLI::App& group, Shell& shell) {
  CLI::App* verb = group.add_subcommand("get", "Show an operation, or wait for its end");
  auto name = std::make_shared<std::string>();
  auto wait = std::make_shared<bool>(false);
  verb->add_option("OPERATION", *name, "Its number")->required();
  verb->add_flag("--wait", *wait,
                 "Until it has ended, or --timeout is over; fails as it has failed");
  verb->footer("Example:\n  prism operation get 12 --wait");
  shell.On(*verb, [&shell, name, wait] { return RunGet(shell, *name, *wait); }, Formats::kAll);
}

}  // namespace

void AddOperation(CLI::App& app, Shell& shell) {
  CLI::App* group = app.add_subcommand("operation", "Long work that goes on behind its call")
                        ->require_subcommand(1);
  group->footer(
      "Those that have ended are kept for 7 days. A client of the admin port: --admin-server or "
      "PRISM_ADMIN_SERVER, default 127.0.0.1:8981.");
  AddList(*group, shell);
  AddGet(*group, shell);
}

}  // namespace prism::cli
