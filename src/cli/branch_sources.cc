#include "cli/branch_sources.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/strings.h"
#include "base/units.h"
#include "cli/admin_common.h"
#include "cli/branch_wait.h"
#include "cli/output.h"
#include "cli/record_verbs.h"
#include "cli/shell.h"
#include "prism/admin/v1/branches.pb.h"

namespace prism::cli {
namespace {

namespace pb = ::prism::admin::v1;

struct AddArguments {
  std::string name;
  std::string directory;
  std::string dump;
  bool managed = false;
  std::string roles;
  std::string password;
  ChangeOptions options;
};

Result<pb::AddBranchSourceRequest> AddRequest(const AddArguments& arguments) {
  if (arguments.directory.empty() == arguments.dump.empty()) {
    return std::unexpected(Error(Code::kInvalidArgument, "BAD_USAGE",
                                 "a source is a directory (DIR) or a dump (--dump FILE)"));
  }
  pb::AddBranchSourceRequest request;
  request.set_name(arguments.name);
  request.set_kind(pb::BranchSource::TEMPLATE);
  if (!arguments.dump.empty()) request.set_kind(pb::BranchSource::DUMP);
  if (arguments.managed) request.set_kind(pb::BranchSource::MANAGED);
  request.set_path(arguments.dump.empty() ? arguments.directory : arguments.dump);
  request.set_roles(arguments.roles);
  request.set_password(arguments.password);
  request.set_reason(arguments.options.reason);
  request.set_background(true);
  return request;
}

int RunAdd(Shell& shell, const AddArguments& arguments) {
  const auto request = AddRequest(arguments);
  if (!request) return BadUsage(shell, request.error());
  pb::BranchSource source;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/AddSource"), *request, source);
  if (!reply) return shell.Fail(reply.error());
  const Result<bool> waited = AwaitSource(shell, arguments.options, source);
  if (!waited) return shell.Fail(waited.error());
  if (!*waited) return kDone;
  if (!shell.Print(source)) {
    WriteLine(fmt::format("source {0}: added; a branch of it: prism branch create NAME --from {0}",
                          Printable(source.name())));
  }
  return kDone;
}

std::string StateText(const pb::BranchSource& source) {
  std::string state = base::LowerCase(pb::BranchSource::State_Name(source.state()));
  const std::string& error = source.last_error();
  if (!error.empty()) state += ", " + Printable(error.substr(0, error.find(':')));
  return state;
}

int RunList(Shell& shell) {
  pb::ListBranchSourcesResponse list;
  const auto reply =
      shell.AdminCall(AdminPath("BranchAdmin/ListSources"), pb::ListBranchSourcesRequest(), list);
  if (!reply) return shell.Fail(reply.error());
  Table table({"SOURCE", "KIND", "PATH", "STATE", "AS OF", "LSN", "POSTGRES", "SIZE", "BRANCHES"});
  for (const pb::BranchSource& source : list.sources()) {
    if (shell.PrintElement(source)) continue;
    const pb::BranchGeneration& newest = source.generation();
    const bool has = source.has_generation();
    const auto size = static_cast<std::uint64_t>(newest.size_bytes());
    table.Add(
        {Printable(source.name()), base::LowerCase(pb::BranchSource::Kind_Name(source.kind())),
         Printable(source.path()), StateText(source), has ? TimeCell(newest.create_time()) : "",
         Printable(newest.checkpoint_lsn()), has ? std::to_string(newest.postgres_version()) : "",
         size == 0 ? "" : base::HumanSize(size), std::to_string(source.branches())});
  }
  if (shell.options.output == Output::kTable) table.Flush();
  return kDone;
}

struct RefreshArguments {
  std::string name = "source";
  ChangeOptions options;
};

int RunRefresh(Shell& shell, const RefreshArguments& arguments) {
  pb::RefreshBranchSourceRequest request;
  request.set_name(arguments.name);
  request.set_reason(arguments.options.reason);
  request.set_background(true);
  pb::BranchSource source;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/RefreshSource"), request, source);
  if (!reply) return shell.Fail(reply.error());
  const Result<bool> waited = AwaitSource(shell, arguments.options, source);
  if (!waited) return shell.Fail(waited.error());
  if (!*waited) return kDone;
  if (!shell.Print(source)) {
    WriteLine(fmt::format("source {}: new branches begin with its state of {}",
                          Printable(source.name()), TimeCell(source.generation().create_time())));
  }
  return kDone;
}

struct RemoveArguments {
  std::string name;
  bool force = false;
  ChangeOptions options;
};

int RunRemove(Shell& shell, const RemoveArguments& arguments) {
  const Result<bool> confirmed = Confirm(
      arguments.options,
      fmt::format("Remove the source {}?{} What it was made of stays.", Printable(arguments.name),
                  arguments.force ? " Deleted branches of it can't be had back then." : ""));
  if (!confirmed || !*confirmed) return NotConfirmed(shell, confirmed);
  pb::RemoveBranchSourceRequest request;
  request.set_name(arguments.name);
  request.set_force(arguments.force);
  request.set_reason(arguments.options.reason);
  pb::BranchSource source;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/RemoveSource"), request, source);
  if (!reply) return shell.Fail(reply.error());
  if (!shell.Print(source)) {
    WriteLine(fmt::format("source {}: removed", Printable(source.name())));
  }
  return kDone;
}

void AddAdd(CLI::App& group, Shell& shell) {
  CLI::App* verb = group.add_subcommand("add", "Add a source to that of the configuration");
  auto arguments = std::make_shared<AddArguments>();
  verb->add_option("NAME", arguments->name, "1 to 63 of a-z, 0-9, _ and -; no branch has it")
      ->required();
  verb->add_option("DIR", arguments->directory,
                   "A stopped data directory: an absolute path on the server's machine");
  verb->add_option("--dump", arguments->dump, "What pg_dump or pg_dumpall has written there")
      ->type_name("FILE");
  CLI::Option* managed =
      verb->add_flag("--managed", arguments->managed,
                     "Prism runs the server of DIR, and makes it when there is none");
  verb->add_option("--roles", arguments->roles,
                   "Of a dump: what pg_dumpall --roles-only has written")
      ->type_name("FILE");
  verb->add_option("--password", arguments->password,
                   "Of a dump: its superuser's, as ${file:PATH} or ${env:NAME} of the server")
      ->type_name("REFERENCE");
  managed->excludes("--dump");
  AddReason(*verb, arguments->options);
  AddNoWait(*verb, arguments->options);
  verb->footer(
      "Ends when branches can be made of it. Its roles log in to its branches.\n\n"
      "Examples:\n"
      "  prism branch source add shop /srv/postgres/shop\n"
      "  prism branch source add crm --dump /srv/dumps/crm.dump --password "
      "'${file:/etc/prism/crm}'");
  shell.On(*verb, [&shell, arguments] { return RunAdd(shell, *arguments); }, Formats::kAll);
}

void AddRefresh(CLI::App& group, Shell& shell) {
  CLI::App* verb = group.add_subcommand(
      "refresh", "Look at a source now, and copy it when it has changed since it was copied last");
  auto arguments = std::make_shared<RefreshArguments>();
  verb->add_option("NAME", arguments->name, "Of the source; default: that of the configuration");
  AddReason(*verb, arguments->options);
  AddNoWait(*verb, arguments->options);
  verb->footer(
      "Ends when new branches begin with what it has. The schedule (branching.refresh_interval) "
      "goes on beside it.\n\n"
      "Examples:\n"
      "  prism branch source refresh\n"
      "  prism branch source refresh shop");
  shell.On(*verb, [&shell, arguments] { return RunRefresh(shell, *arguments); }, Formats::kAll);
}

void AddRemove(CLI::App& group, Shell& shell) {
  CLI::App* verb = group.add_subcommand("remove", "Remove a source; what it was made of stays");
  auto arguments = std::make_shared<RemoveArguments>();
  verb->add_option("NAME", arguments->name, "Of the source")->required();
  verb->add_flag("--force", arguments->force,
                 "Although deleted branches of it may be had back: they are given up");
  AddReason(*verb, arguments->options);
  AddYes(*verb, arguments->options);
  verb->footer("Example:\n  prism branch source remove shop --yes");
  shell.On(*verb, [&shell, arguments] { return RunRemove(shell, *arguments); }, Formats::kAll);
}

}  // namespace

void AddBranchSources(CLI::App& branch, Shell& shell) {
  CLI::App* group =
      branch.add_subcommand("source", "What branches are made of")->require_subcommand(1);
  AddAdd(*group, shell);
  CLI::App* list = group->add_subcommand("list", "List sources, that of the configuration first");
  list->footer("Example:\n  prism branch source list -o json");
  shell.On(*list, [&shell] { return RunList(shell); }, Formats::kAll);
  AddRefresh(*group, shell);
  AddRemove(*group, shell);
}

}  // namespace prism::cli
