// prism branch list, get, logs, create, protect, unprotect, expire, rename, stop, delete, undelete,
// url, psql.
#include "cli/branch.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/os_error.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/admin_common.h"
#include "cli/branch_snapshots.h"
#include "cli/branch_sources.h"
#include "cli/branch_tree.h"
#include "cli/branch_url.h"
#include "cli/branch_wait.h"
#include "cli/output.h"
#include "cli/record_verbs.h"
#include "cli/shell.h"
#include "prism/admin/v1/branches.pb.h"

namespace prism::cli {
namespace {

namespace pb = ::prism::admin::v1;

void AddBranchName(CLI::App& verb, std::string& name) {
  verb.add_option("BRANCH", name, "Its name, or the text that was folded to it")->required();
}

std::string StateText(const pb::Branch& branch) {
  std::string state = base::LowerCase(pb::Branch::State_Name(branch.state()));
  if (branch.state() == pb::Branch::DELETED) state += " until " + TimeCell(branch.remove_time());
  return state;
}

// In its largest unit: "3m".
std::string AgeText(const google::protobuf::Timestamp& time) {
  const std::int64_t age = std::max<std::int64_t>(std::time(nullptr) - time.seconds(), 0);
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  if (age >= kDay) return fmt::format("{}d", age / kDay);
  if (age >= kHour) return fmt::format("{}h", age / kHour);
  return age >= kMinute ? fmt::format("{}m", age / kMinute) : fmt::format("{}s", age);
}

// Of its own; "+" and what it shares with others; and when that was.
std::string SizeText(const pb::Branch& branch) {
  if (!branch.has_size_time()) return "";
  return fmt::format("{} + {}, {} ago",
                     base::HumanSize(static_cast<std::uint64_t>(branch.own_bytes())),
                     base::HumanSize(static_cast<std::uint64_t>(branch.shared_bytes())),
                     AgeText(branch.size_time()));
}

Result<std::vector<pb::Branch>> ReadBranches(Shell& shell) {
  std::vector<pb::Branch> branches;
  pb::ListBranchesRequest request;
  request.set_page_size(1000);
  do {
    pb::ListBranchesResponse page;
    TRY(shell.AdminCall(AdminPath("BranchAdmin/List"), request, page));
    for (pb::Branch& branch : *page.mutable_branches()) branches.push_back(std::move(branch));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return branches;
}

int RunList(Shell& shell, bool names_only) {
  const auto branches = ReadBranches(shell);
  if (!branches) return shell.Fail(branches.error());
  if (names_only || shell.options.output != Output::kTable) {
    for (const pb::Branch& branch : *branches) {
      names_only ? WriteLine(Printable(branch.name())) : void(shell.PrintElement(branch));
    }
    return kDone;
  }
  Table table(
      {"BRANCH", "PARENT", "STATE", "CONNECTIONS", "LAST ACTIVITY", "SOURCE LSN", "OWN + SHARED"});
  for (const TreeLine& line : BranchTree(*branches)) {
    const pb::Branch& branch = *line.branch;
    table.Add({line.indent + Printable(branch.name()), Printable(branch.parent()),
               StateText(branch), std::to_string(branch.connections()),
               TimeCell(branch.last_activity_time()), Printable(branch.source_lsn()),
               SizeText(branch)});
  }
  table.Flush();
  return kDone;
}

int RunLogs(Shell& shell, const std::string& name, int bytes) {
  pb::ReadBranchLogRequest request;
  request.set_name(name);
  request.set_max_bytes(bytes);
  pb::BranchLog log;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/ReadLog"), request, log);
  if (!reply) return shell.Fail(reply.error());
  if (!shell.Print(log)) WriteOut(PrintableMessage(log.text()));
  return kDone;
}

int RunGet(Shell& shell, const std::string& name) {
  pb::GetBranchRequest request;
  request.set_name(name);
  pb::Branch branch;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/Get"), request, branch);
  if (!reply) return shell.Fail(reply.error());
  if (!shell.Print(branch)) WriteOut(DetailTable(branch, HasColor(stdout)));
  return kDone;
}

using Ttl = std::optional<std::chrono::milliseconds>;

void SetTtl(const Ttl& ttl, google::protobuf::Duration& into) {
  into.set_seconds(ttl->count() / 1000);
  into.set_nanos(static_cast<int>(ttl->count() % 1000) * 1'000'000);
}

// What a branch is made of, and for how long.
struct Origin {
  std::string from;
  Ttl ttl;
};

int RunCreate(Shell& shell, const std::string& name, const Origin& origin,
              const ChangeOptions& options) {
  pb::CreateBranchRequest request;
  request.set_name(name);
  request.set_from(origin.from);
  if (origin.ttl) SetTtl(origin.ttl, *request.mutable_ttl());
  request.set_reason(options.reason);
  request.set_background(true);
  pb::Branch branch;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/Create"), request, branch);
  if (!reply) return shell.Fail(reply.error());
  const Result<bool> waited = AwaitBranch(shell, options, branch);
  if (!waited) return shell.Fail(waited.error());
  if (!*waited) return kDone;
  if (!shell.Print(branch)) {
    WriteLine(fmt::format("branch {}: made of {} as of {}", Printable(branch.name()),
                          Printable(branch.parent()), TimeCell(branch.as_of())));
  }
  return kDone;
}

struct DeleteArguments {
  std::string name;
  bool force = false;
  bool recursive = false;
  bool purge = false;
};

std::string DeleteQuestion(const DeleteArguments& arguments) {
  return fmt::format("Delete the branch {}{}?{} {}", Printable(arguments.name),
                     arguments.recursive ? " and all that were made of it" : "",
                     arguments.force ? " Clients in it are cut off." : "",
                     arguments.purge
                         ? "It can't be had back."
                         : "It can be had back for a day, or as branching.undo_period says.");
}

int RunDelete(Shell& shell, const DeleteArguments& arguments, const ChangeOptions& options) {
  const Result<bool> confirmed = Confirm(options, DeleteQuestion(arguments));
  if (!confirmed || !*confirmed) return NotConfirmed(shell, confirmed);
  pb::DeleteBranchRequest request;
  request.set_name(arguments.name);
  request.set_force(arguments.force);
  request.set_recursive(arguments.recursive);
  request.set_purge(arguments.purge);
  request.set_reason(options.reason);
  // What is removed may be a full copy.
  if (arguments.purge && !shell.options.timeout) shell.options.timeout = Shell::kStreamTimeout;
  pb::Branch branch;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/Delete"), request, branch);
  if (!reply) return shell.Fail(reply.error());
  if (shell.Print(branch)) return kDone;
  if (arguments.purge) {
    WriteLine(fmt::format("branch {}: deleted for good", Printable(branch.name())));
  } else {
    WriteLine(fmt::format("branch {0}: deleted; until {1}: prism branch undelete {0}",
                          Printable(branch.name()), TimeCell(branch.remove_time())));
  }
  return kDone;
}

// Changes the setting that the mask names; `told` says what has become of it.
int RunUpdate(Shell& shell, const pb::UpdateBranchRequest& request,
              const std::function<std::string(const pb::Branch&)>& told) {
  pb::Branch branch;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/Update"), request, branch);
  if (!reply) return shell.Fail(reply.error());
  if (!shell.Print(branch)) {
    WriteLine(fmt::format("branch {}: {}", Printable(branch.name()), told(branch)));
  }
  return kDone;
}

int RunProtect(Shell& shell, const std::string& name, bool on, const ChangeOptions& options) {
  pb::UpdateBranchRequest request;
  request.set_name(name);
  request.set_reason(options.reason);
  request.mutable_settings()->set_protected_(on);
  request.mutable_update_mask()->add_paths("protected");
  return RunUpdate(shell, request,
                   [on](const pb::Branch&) { return on ? "protected" : "not protected any more"; });
}

// No `ttl`: never.
int RunExpire(Shell& shell, const std::string& name, const Ttl& ttl, const ChangeOptions& options) {
  pb::UpdateBranchRequest request;
  request.set_name(name);
  request.set_reason(options.reason);
  if (ttl) SetTtl(ttl, *request.mutable_settings()->mutable_ttl());
  request.mutable_update_mask()->add_paths("ttl");
  return RunUpdate(shell, request, [](const pb::Branch& branch) {
    return branch.has_expire_time() ? "expires at " + TimeCell(branch.expire_time())
                                    : std::string("does not expire");
  });
}

int RunRename(Shell& shell, const std::string& name, const std::string& to,
              const ChangeOptions& options) {
  pb::RenameBranchRequest request;
  request.set_name(name);
  request.set_new_name(to);
  request.set_reason(options.reason);
  pb::Branch branch;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/Rename"), request, branch);
  if (!reply) return shell.Fail(reply.error());
  if (!shell.Print(branch)) {
    WriteLine(fmt::format("branch {}: renamed to {}", Printable(name), Printable(branch.name())));
  }
  return kDone;
}

struct StopArguments {
  std::string name;
  bool all = false;
  bool force = false;
};

int StopOne(Shell& shell, const std::string& name, const StopArguments& arguments,
            const ChangeOptions& options) {
  pb::StopBranchRequest request;
  request.set_name(name);
  request.set_force(arguments.force);
  request.set_reason(options.reason);
  pb::Branch branch;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/Stop"), request, branch);
  if (!reply) return shell.Fail(reply.error());
  if (!(arguments.all ? shell.PrintElement(branch) : shell.Print(branch))) {
    WriteLine(fmt::format("branch {}: stopped", Printable(branch.name())));
  }
  return kDone;
}

// What can't be stopped keeps none of the others running.
int StopAll(Shell& shell, const StopArguments& arguments, const ChangeOptions& options) {
  const auto branches = ReadBranches(shell);
  if (!branches) return shell.Fail(branches.error());
  int code = kDone;
  bool any = false;
  for (const pb::Branch& branch : *branches) {
    const bool runs =
        branch.state() == pb::Branch::RUNNING || branch.state() == pb::Branch::STARTING;
    if (!runs) continue;
    any = true;
    const int one = StopOne(shell, branch.name(), arguments, options);
    if (one != kDone) code = one;
  }
  if (!any && shell.options.output == Output::kTable) WriteLine("no server of a branch runs");
  return code;
}

int RunStop(Shell& shell, const StopArguments& arguments, const ChangeOptions& options) {
  if (arguments.all == arguments.name.empty()) {
    return arguments.all ? StopAll(shell, arguments, options)
                         : StopOne(shell, arguments.name, arguments, options);
  }
  return BadUsage(shell, Error(Code::kInvalidArgument, "BAD_USAGE",
                               "name the branch to stop, or all of them (--all)"));
}

int RunUndelete(Shell& shell, const std::string& name, const ChangeOptions& options) {
  pb::UndeleteBranchRequest request;
  request.set_name(name);
  request.set_reason(options.reason);
  pb::Branch branch;
  const auto reply = shell.AdminCall(AdminPath("BranchAdmin/Undelete"), request, branch);
  if (!reply) return shell.Fail(reply.error());
  if (!shell.Print(branch)) {
    WriteLine(
        fmt::format("branch {}: it is back, {}", Printable(branch.name()), StateText(branch)));
  }
  return kDone;
}

// Comes back only when there is no psql.
int RunPsql(const Shell& shell, const BranchAddress& address,
            const std::vector<std::string>& more) {
  std::vector<std::string> words = {"psql", "-d", BranchUrl(address)};
  words.insert(words.end(), more.begin(), more.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execvp("psql", arguments.data());
  return shell.Fail(base::OsError(errno, "PSQL_NOT_STARTED",
                                  "install psql (postgresql-client) where PATH finds it"));
}

void AddList(CLI::App& branch, Shell& shell) {
  CLI::App* verb =
      branch.add_subcommand("list", "List branches below what they were made of, deleted ones too");
  auto names_only = std::make_shared<bool>(false);
  verb->add_flag("--names", *names_only, "Their names alone, one a line");
  verb->footer("Example:\n  prism branch list -o json");
  shell.On(*verb, [&shell, names_only] { return RunList(shell, *names_only); }, Formats::kAll);
}

void AddLogs(CLI::App& branch, Shell& shell) {
  CLI::App* verb = branch.add_subcommand("logs", "Show the end of what its server has printed");
  auto name = std::make_shared<std::string>();
  auto bytes = std::make_shared<int>(65536);
  AddBranchName(*verb, *name);
  verb->add_option("-n,--bytes", *bytes, "At most so many, 1 to 65536")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  verb->footer("Example:\n  prism branch logs pr-12 -n 2000");
  shell.On(*verb, [&shell, name, bytes] { return RunLogs(shell, *name, *bytes); }, Formats::kAll);
}

void AddGet(CLI::App& branch, Shell& shell) {
  CLI::App* verb = branch.add_subcommand("get", "Show a branch");
  auto name = std::make_shared<std::string>();
  AddBranchName(*verb, *name);
  verb->footer("Example:\n  prism branch get pr-12");
  shell.On(*verb, [&shell, name] { return RunGet(shell, *name); }, Formats::kAll);
}

void AddNewName(CLI::App& verb, const std::string& option, std::string& name) {
  verb.add_option(option, name,
                  "1 to 63 of a-z, 0-9, _ and -; other texts, up to 255 bytes, are folded to that")
      ->required();
}

std::chrono::milliseconds ReadTtl(const std::string& option, const std::string& text) {
  const auto parsed = base::ParseDuration(text);
  if (!parsed) throw CLI::ValidationError(option, parsed.error().message());
  return *parsed;
}

void AddCreate(CLI::App& branch, Shell& shell) {
  CLI::App* verb =
      branch.add_subcommand("create", "Make a branch; connecting to one makes it as well");
  auto name = std::make_shared<std::string>();
  auto origin = std::make_shared<Origin>();
  auto options = std::make_shared<ChangeOptions>();
  AddNewName(*verb, "NAME", *name);
  verb->add_option(
          "--from", origin->from,
          "A branch, BRANCH@SNAPSHOT, BRANCH@TIME, a source, SOURCE@TIME, or TIME; default: the "
          "source of the configuration as it is now")
      ->type_name("ORIGIN");
  verb->add_option_function<std::string>(
          "--ttl", [origin](const std::string& text) { origin->ttl = ReadTtl("--ttl", text); },
          "How long it lives, 1s to 3650d; default: until it is deleted")
      ->type_name("DURATION");
  AddReason(*verb, *options);
  AddNoWait(*verb, *options);
  verb->footer("Example:\n  prism branch create pr-12 --ttl 7d --reason \"the new checkout\"");
  shell.On(
      *verb, [&shell, name, origin, options] { return RunCreate(shell, *name, *origin, *options); },
      Formats::kAll);
}

void AddProtect(CLI::App& branch, Shell& shell, bool on) {
  CLI::App* verb = branch.add_subcommand(on ? "protect" : "unprotect",
                                         on ? "Let nobody delete, reset or restore a branch"
                                            : "Let a branch be deleted, reset and restored again");
  auto name = std::make_shared<std::string>();
  auto options = std::make_shared<ChangeOptions>();
  AddBranchName(*verb, *name);
  AddReason(*verb, *options);
  verb->footer(fmt::format("Example:\n  prism branch {} pr-12", on ? "protect" : "unprotect"));
  shell.On(
      *verb, [&shell, name, on, options] { return RunProtect(shell, *name, on, *options); },
      Formats::kAll);
}

void AddExpire(CLI::App& branch, Shell& shell) {
  CLI::App* verb = branch.add_subcommand(
      "expire", "Say how long a branch lives; then it is deleted, when nobody is in it");
  auto name = std::make_shared<std::string>();
  auto ttl = std::make_shared<Ttl>();
  auto options = std::make_shared<ChangeOptions>();
  AddBranchName(*verb, *name);
  verb->add_option_function<std::string>(
          "DURATION",
          [ttl](const std::string& text) {
            if (text != "never") *ttl = ReadTtl("DURATION", text);
          },
          "From now on, 1s to 3650d, or never")
      ->required();
  AddReason(*verb, *options);
  verb->footer("Example:\n  prism branch expire pr-12 2h");
  shell.On(
      *verb, [&shell, name, ttl, options] { return RunExpire(shell, *name, *ttl, *options); },
      Formats::kAll);
}

void AddRename(CLI::App& branch, Shell& shell) {
  CLI::App* verb =
      branch.add_subcommand("rename", "Give a branch another name; who is in it stays in");
  auto name = std::make_shared<std::string>();
  auto to = std::make_shared<std::string>();
  auto options = std::make_shared<ChangeOptions>();
  AddBranchName(*verb, *name);
  AddNewName(*verb, "NEW_NAME", *to);
  AddReason(*verb, *options);
  verb->footer("Example:\n  prism branch rename pr-12 checkout");
  shell.On(
      *verb, [&shell, name, to, options] { return RunRename(shell, *name, *to, *options); },
      Formats::kAll);
}

void AddDelete(CLI::App& branch, Shell& shell) {
  CLI::App* verb = branch.add_subcommand(
      "delete", "Delete a branch; for a day (branching.undo_period) it can be had back");
  auto arguments = std::make_shared<DeleteArguments>();
  auto options = std::make_shared<ChangeOptions>();
  AddBranchName(*verb, arguments->name);
  verb->add_flag("--force", arguments->force, "Although clients are in it: they are cut off");
  verb->add_flag("--recursive", arguments->recursive,
                 "With all branches that were made of it, and of those");
  verb->add_flag("--purge", arguments->purge,
                 "For good: its room is free then; also of a branch that is deleted already");
  AddReason(*verb, *options);
  AddYes(*verb, *options);
  verb->footer(
      "Examples:\n  prism branch delete pr-12 --yes\n  prism branch delete pr-12 --purge --yes");
  shell.On(
      *verb, [&shell, arguments, options] { return RunDelete(shell, *arguments, *options); },
      Formats::kAll);
}

void AddStop(CLI::App& branch, Shell& shell) {
  CLI::App* verb = branch.add_subcommand(
      "stop", "End the server of a branch; its data stay, and the next client starts it again");
  auto arguments = std::make_shared<StopArguments>();
  auto options = std::make_shared<ChangeOptions>();
  verb->add_option("BRANCH", arguments->name, "Its name, or the text that was folded to it");
  verb->add_flag("--all", arguments->all, "Those of all branches");
  verb->add_flag("--force", arguments->force, "Although clients are in it: they are cut off");
  AddReason(*verb, *options);
  verb->footer("Examples:\n  prism branch stop pr-12\n  prism branch stop --all --force");
  shell.On(
      *verb, [&shell, arguments, options] { return RunStop(shell, *arguments, *options); },
      Formats::kAll);
}

void AddUndelete(CLI::App& branch, Shell& shell) {
  CLI::App* verb = branch.add_subcommand("undelete", "Take a deleted branch back, with its data");
  auto name = std::make_shared<std::string>();
  auto options = std::make_shared<ChangeOptions>();
  AddBranchName(*verb, *name);
  AddReason(*verb, *options);
  verb->footer("Example:\n  prism branch undelete pr-12");
  shell.On(
      *verb, [&shell, name, options] { return RunUndelete(shell, *name, *options); },
      Formats::kAll);
}

void AddAddress(CLI::App& verb, BranchAddress& address) {
  AddBranchName(verb, address.branch);
  verb.add_option("--user", address.user, "PostgreSQL role")
      ->capture_default_str()
      ->type_name("ROLE");
  verb.add_option("--database", address.database, "In the branch")
      ->capture_default_str()
      ->type_name("NAME");
  verb.add_option("--host", address.host,
                  "Where branches are served: a name, an address, or the directory of a socket")
      ->capture_default_str()
      ->type_name("HOST");
  verb.add_option("--port", address.port, "Of that host")
      ->capture_default_str()
      ->check(CLI::Range(1, 65535))
      ->type_name("PORT");
}

void AddUrl(CLI::App& branch, Shell& shell) {
  CLI::App* verb = branch.add_subcommand(
      "url", "Print the URL of a branch for clients of PostgreSQL; nobody is asked");
  auto address = std::make_shared<BranchAddress>();
  AddAddress(*verb, *address);
  verb->footer(
      "There is no password in it: PGPASSWORD or ~/.pgpass has it.\n\n"
      "Example:\n  psql \"$(prism branch url pr-12 --user ann --database shop)\"");
  shell.On(*verb, [address] {
    WriteLine(BranchUrl(*address));
    return kDone;
  });
}

void AddPsql(CLI::App& branch, Shell& shell) {
  CLI::App* verb = branch.add_subcommand("psql", "Start psql in a branch");
  auto address = std::make_shared<BranchAddress>();
  auto more = std::make_shared<std::vector<std::string>>();
  AddAddress(*verb, *address);
  verb->add_option("ARGUMENT", *more, "For psql; behind -- when they begin with -");
  verb->footer(
      "Ends with the exit code of psql.\n\n"
      "Example:\n  prism branch psql pr-12 --user ann -- -c 'SELECT 1'");
  shell.On(*verb, [&shell, address, more] { return RunPsql(shell, *address, *more); });
}

}  // namespace

void AddBranch(CLI::App& app, Shell& shell) {
  CLI::App* branch = app.add_subcommand("branch", "PostgreSQL branches")->require_subcommand(1);
  branch->footer(
      "A client of the admin port: --admin-server or PRISM_ADMIN_SERVER, default 127.0.0.1:8981;\n"
      "url and psql are for the port of the branches.");
  AddList(*branch, shell);
  AddGet(*branch, shell);
  AddLogs(*branch, shell);
  AddCreate(*branch, shell);
  AddProtect(*branch, shell, true);
  AddProtect(*branch, shell, false);
  AddExpire(*branch, shell);
  AddRename(*branch, shell);
  AddBranchSnapshots(*branch, shell);
  AddBranchSources(*branch, shell);
  AddStop(*branch, shell);
  AddDelete(*branch, shell);
  AddUndelete(*branch, shell);
  AddUrl(*branch, shell);
  AddPsql(*branch, shell);
}

}  // namespace prism::cli
