// prism namespace get, list, count, history, diff, watch.
#include <CLI/CLI.hpp>

#include <optional>

#include "cli/namespace.h"
#include "cli/record_verbs.h"

namespace prism::cli {
namespace {

struct GetArguments {
  std::string name;
  std::int64_t revision = 0;
};

struct CountArguments {
  std::string filter;
  std::string by;
};

int RunCount(Shell& shell, const CountArguments& arguments) {
  adminpb::CountNamespacesRequest request;
  request.set_filter(arguments.filter);
  request.set_by(arguments.by);
  adminpb::CountNamespacesResponse response;
  const auto reply = shell.AdminCall(AdminPath("NamespaceAdmin/Count"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (shell.Print(response)) return kDone;
  if (arguments.by.empty()) {
    WriteLine(std::to_string(response.total()));
    return kDone;
  }
  Table table({"VALUE", "NAMESPACES"});
  for (const adminpb::NamespaceCount& count : response.counts()) {
    table.Add(
        {count.value().empty() ? "-" : Printable(count.value()), std::to_string(count.count())});
  }
  table.Flush();
  return kDone;
}

struct DiffArguments {
  std::string name;
  std::int64_t from = 0;
  std::int64_t to = 0;
  bool exit_code = false;
};

using Side = std::optional<adminpb::Namespace>;

// Nothing when it was not there.
Result<Side> AsItWas(Shell& shell, const std::string& name, std::int64_t revision) {
  auto record = GetRecord<NamespaceKind>(shell, name, revision);
  if (record) return Side(std::move(*record));
  if (record.error().code() == Code::kNotFound) return Side();
  return std::unexpected(record.error());
}

int TellDiff(const Side& before, const Side& after, const DiffArguments& arguments,
             std::string_view from_name, std::string_view to_name) {
  const std::string diff =
      RecordDiff(before ? &*before : nullptr, after ? &*after : nullptr, from_name, to_name);
  PrintDiff(diff);
  constexpr int kDifferent = 2;
  return arguments.exit_code && !diff.empty() ? kDifferent : kDone;
}

// Its newest change.
int RunLastDiff(Shell& shell, const DiffArguments& arguments) {
  adminpb::NamespaceHistoryRequest request;
  request.set_name(arguments.name);
  request.set_page_size(1);
  adminpb::NamespaceHistoryResponse response;
  const auto reply = shell.AdminCall(AdminPath("NamespaceAdmin/History"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (response.changes().empty()) return kDone;
  const adminpb::NamespaceChange& change = response.changes(0);
  const std::string name = Printable(arguments.name);
  return TellDiff(change.has_before() ? Side(change.before()) : Side(),
                  change.has_after() ? Side(change.after()) : Side(), arguments,
                  fmt::format("{} before revision {}", name, change.revision()),
                  fmt::format("{} at revision {}", name, change.revision()));
}

int RunDiff(Shell& shell, const DiffArguments& arguments) {
  if (arguments.from == 0) return RunLastDiff(shell, arguments);
  const Result<Side> before = AsItWas(shell, arguments.name, arguments.from);
  if (!before) return shell.Fail(before.error());
  const Result<Side> after = AsItWas(shell, arguments.name, arguments.to);
  if (!after) return shell.Fail(after.error());
  const std::string name = Printable(arguments.name);
  return TellDiff(*before, *after, arguments,
                  fmt::format("{} at revision {}", name, arguments.from),
                  arguments.to == 0 ? fmt::format("{} now", name)
                                    : fmt::format("{} at revision {}", name, arguments.to));
}

struct WatchArguments {
  std::string filter;
  std::int64_t after_revision = 0;
};

std::string_view EventName(const adminpb::NamespaceEvent& event, bool complete) {
  if (event.name().empty()) return "complete";
  if (!event.has_namespace_()) return "deleted";
  return complete ? "changed" : "there";
}

void PrintEvent(const adminpb::NamespaceEvent& event, bool complete) {
  std::string line = fmt::format("{} {}", event.revision(), EventName(event, complete));
  if (!event.name().empty()) line += " " + Printable(event.name());
  if (event.has_namespace_()) {
    const adminpb::Namespace& ns = event.namespace_();
    line += fmt::format(" backend={} status={}", Printable(ns.backend()),
                        EnumText(*adminpb::NamespaceStatus_descriptor()->FindValueByNumber(
                            adminpb::NamespaceStatus_IsValid(ns.status()) ? ns.status() : 0)));
    if (ns.rate_limit_rps() != 0) line += fmt::format(" rate_limit_rps={}", ns.rate_limit_rps());
  }
  WriteLine(line);
}

int RunWatch(Shell& shell, const WatchArguments& arguments) {
  adminpb::WatchNamespacesRequest request;
  request.set_filter(arguments.filter);
  request.set_after_revision(arguments.after_revision);
  auto stream = shell.AdminStream(AdminPath("NamespaceAdmin/Watch"), request);
  if (!stream) return shell.Fail(stream.error());
  bool complete = arguments.after_revision != 0;
  adminpb::NamespaceEvent event;
  Result<bool> more = stream->Read(event);
  for (; more && *more; more = stream->Read(event)) {
    if (!shell.PrintElement(event)) PrintEvent(event, complete);
    if (event.name().empty()) complete = true;
    // Who watches wants to know now; who no longer reads is done.
    if (std::fflush(stdout) != 0) return kFailed;
  }
  return more ? kDone : shell.Fail(more.error());
}

void AddGet(CLI::App& ns, Shell& shell) {
  CLI::App* verb = ns.add_subcommand("get", "Show a namespace, as it is or as it was");
  auto arguments = std::make_shared<GetArguments>();
  AddRecordName(*verb, arguments->name, NamespaceKind::kArgument);
  AddRevisionAsItWas(*verb, arguments->revision);
  verb->footer(
      "With -o yaml it prints what \"prism namespace create -f\" takes.\n\n"
      "Example:\n  prism namespace get orders --revision 12 -o yaml");
  shell.On(
      *verb,
      [&shell, arguments] {
        return RunGet<NamespaceKind>(shell, arguments->name, arguments->revision);
      },
      Formats::kAll);
}

void AddList(CLI::App& ns, Shell& shell) {
  CLI::App* verb = ns.add_subcommand("list", "List namespaces by name, all or those of a filter");
  auto arguments = std::make_shared<ListArguments>();
  AddListArguments(*verb, *arguments, NamespaceKind::kFilterHelp);
  verb->footer(
      "Examples:\n"
      "  prism namespace list --filter 'backend = \"redis\" AND tags:\"production\"'\n"
      "  prism namespace list -o json | jq -r 'select(.rate_limit_rps > 0) | .name'");
  shell.On(
      *verb, [&shell, arguments] { return RunList<NamespaceKind>(shell, *arguments); },
      Formats::kAll);
}

void AddCount(CLI::App& ns, Shell& shell) {
  CLI::App* verb = ns.add_subcommand("count", "Count namespaces, by the values of a field");
  auto arguments = std::make_shared<CountArguments>();
  verb->add_option("--filter", arguments->filter, "As for list")->type_name("FILTER");
  verb->add_option("--by", arguments->by,
                   "backend, pattern, status, consistency, owner or created_by; default: all "
                   "together")
      ->type_name("FIELD")
      ->check(
          CLI::IsMember({"backend", "pattern", "status", "consistency", "owner", "created_by"}));
  verb->footer("Example:\n  prism namespace count --by status");
  shell.On(*verb, [&shell, arguments] { return RunCount(shell, *arguments); }, Formats::kAll);
}

void AddHistory(CLI::App& ns, Shell& shell) {
  CLI::App* verb =
      ns.add_subcommand("history", "Who changed a namespace, when and why; of deleted ones too");
  auto arguments = std::make_shared<HistoryArguments>();
  AddHistoryArguments(*verb, *arguments, NamespaceKind::kArgument);
  verb->footer("Newest first.\n\nExample:\n  prism namespace history orders --diff --limit 5");
  shell.On(
      *verb, [&shell, arguments] { return RunHistory<NamespaceKind>(shell, *arguments); },
      Formats::kAll);
}

void AddDiff(CLI::App& ns, Shell& shell) {
  CLI::App* verb = ns.add_subcommand("diff", "Show what differs between two revisions");
  auto arguments = std::make_shared<DiffArguments>();
  AddRecordName(*verb, arguments->name, NamespaceKind::kArgument);
  const auto positive = CLI::Range(std::int64_t{1}, std::numeric_limits<std::int64_t>::max());
  verb->add_option("FROM", arguments->from, "A revision; default: before the newest change")
      ->check(positive);
  verb->add_option("TO", arguments->to, "A revision; default: now")->check(positive);
  verb->add_flag("--exit-code", arguments->exit_code,
                 "End with 2 when there are differences, as git diff does with 1");
  verb->footer(
      "Examples:\n"
      "  prism namespace diff orders\n"
      "  prism namespace diff orders 12 17");
  shell.On(*verb, [&shell, arguments] { return RunDiff(shell, *arguments); });
}

void AddWatch(CLI::App& ns, Shell& shell) {
  CLI::App* verb =
      ns.add_subcommand("watch", "Tell of changes as they come: first the state, then each change");
  auto arguments = std::make_shared<WatchArguments>();
  verb->add_option("--filter", arguments->filter,
                   "As for list; a namespace that no longer fits is told as deleted")
      ->type_name("FILTER");
  verb->add_option("--after-revision", arguments->after_revision,
                   "Only what is newer than this; default: the state first")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()));
  verb->footer(
      "Ends with Ctrl-C, or after --timeout (default 24h).\n\n"
      "Example:\n  prism namespace watch -o json --filter 'name = \"orders\"'");
  shell.On(*verb, [&shell, arguments] { return RunWatch(shell, *arguments); }, Formats::kAll);
}

}  // namespace

void AddNamespaceReading(CLI::App& ns, Shell& shell) {
  AddGet(ns, shell);
  AddList(ns, shell);
  AddCount(ns, shell);
  AddHistory(ns, shell);
  AddDiff(ns, shell);
  AddWatch(ns, shell);
}

}  // namespace prism::cli
