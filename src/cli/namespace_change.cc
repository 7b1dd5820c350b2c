// prism namespace create, update, delete, enable, disable, features, rollback.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <map>
#include <optional>

#include "cli/namespace.h"
#include "cli/record_verbs.h"

namespace prism::cli {
namespace {

using Kind = NamespaceKind;

struct FeatureArguments {
  std::string name;
  std::string action;
  std::string flag;
  std::string value;
  ChangeOptions options;
};

int ShowFeatures(Shell& shell, const adminpb::Namespace& ns) {
  if (shell.options.output != Output::kTable) {
    adminpb::Namespace shown = ns;
    KeepFields(shown, {"features"});
    const auto json = MessageToJson(shown, kYamlForm);
    const auto flags = json.value("features", nlohmann::ordered_json::object());
    if (shell.json()) {
      WriteLine(DumpJson(flags));
    } else {
      WriteOut(JsonToYaml(flags));
    }
    return kDone;
  }
  Table table({"FEATURE", "STATE"});
  for (const auto& [flag, on] :
       std::map<std::string, bool>(ns.features().begin(), ns.features().end())) {
    table.Add({Printable(flag), on ? "on" : "off"});
  }
  table.Flush();
  return kDone;
}

Result<adminpb::Namespace> ChangeFeature(Shell& shell, const FeatureArguments& arguments) {
  adminpb::Namespace ns;
  if (arguments.action == "set") {
    adminpb::SetFeatureRequest request;
    request.set_name(arguments.name);
    request.set_feature(arguments.flag);
    request.set_enabled(arguments.value == "on");
    request.set_revision(arguments.options.revision);
    request.set_reason(arguments.options.reason);
    TRY(shell.AdminCall(AdminPath("NamespaceAdmin/SetFeature"), request, ns));
    return ns;
  }
  adminpb::RemoveFeatureRequest request;
  request.set_name(arguments.name);
  request.set_feature(arguments.flag);
  request.set_revision(arguments.options.revision);
  request.set_reason(arguments.options.reason);
  TRY(shell.AdminCall(AdminPath("NamespaceAdmin/RemoveFeature"), request, ns));
  return ns;
}

int RunFeatures(Shell& shell, const FeatureArguments& arguments) {
  const bool complete =
      arguments.action.empty() || (arguments.action == "set" && !arguments.value.empty()) ||
      (arguments.action == "remove" && !arguments.flag.empty() && arguments.value.empty());
  if (!complete) {
    return BadUsage(shell, Error(Code::kInvalidArgument, "BAD_USAGE",
                                 "write \"set FLAG on\", \"set FLAG off\" or \"remove FLAG\" "
                                 "behind the namespace, or nothing"));
  }
  const auto ns = arguments.action.empty() ? GetRecord<Kind>(shell, arguments.name)
                                           : ChangeFeature(shell, arguments);
  return ns ? ShowFeatures(shell, *ns) : shell.Fail(ns.error());
}

int RunStatus(Shell& shell, const ChangeArguments& arguments, adminpb::NamespaceStatus status) {
  adminpb::Namespace after;
  after.set_name(arguments.name);
  after.set_status(status);
  const auto request =
      MakeUpdateRequest<Kind>(arguments.options, after, {"status"}, arguments.options.revision);
  adminpb::Namespace changed;
  const auto reply = shell.AdminCall(AdminPath("NamespaceAdmin/Update"), request, changed);
  if (!reply) return shell.Fail(reply.error());
  if (shell.Print(changed)) return kDone;
  WriteLine(fmt::format(
      "namespace {}: {}", Printable(arguments.name),
      arguments.options.dry_run
          ? "a dry run, nothing has changed"
          : fmt::format("{}, revision {}", status == adminpb::DISABLED ? "disabled" : "active",
                        changed.revision())));
  return kDone;
}

// Asks about what was seen: the namespace as it is, and the backends that lose its data.
int RunPurge(Shell& shell, const ChangeArguments& arguments) {
  const auto seen = GetRecord<Kind>(shell, arguments.name);
  if (!seen) return shell.Fail(seen.error());
  adminpb::DeleteNamespaceRequest request;
  request.set_name(arguments.name);
  const std::int64_t revision = arguments.options.revision;
  request.set_revision(revision != 0 ? revision : seen->revision());
  request.set_reason(arguments.options.reason);
  request.set_purge(true);
  request.set_dry_run(true);
  adminpb::DeleteNamespaceResponse response;
  const auto remove = [&] {
    return shell.AdminCall(AdminPath("NamespaceAdmin/Delete"), request, response);
  };
  if (const auto planned = remove(); !planned) return shell.Fail(planned.error());
  const std::string name = Printable(arguments.name);
  const std::string backends = Joined(response.purged_backends());
  if (arguments.options.dry_run) {
    if (shell.Print(response)) return kDone;
    WriteLine(fmt::format("namespace {}: a dry run, nothing has changed; its data on {} would go",
                          name, backends));
    return kDone;
  }
  const Result<bool> confirmed =
      Confirm(arguments.options, fmt::format("Delete the namespace {} AND DESTROY ITS DATA on {}? "
                                             "The data can't come back.",
                                             name, backends));
  if (!confirmed || !*confirmed) return NotConfirmed(shell, confirmed);
  request.set_dry_run(false);
  if (const auto deleted = remove(); !deleted) return shell.Fail(deleted.error());
  if (shell.Print(response)) return kDone;
  WriteLine(fmt::format("namespace {}: deleted, revision {}; operation {} destroys its data on {}",
                        name, response.revision(), Printable(response.operation()), backends));
  return kDone;
}

struct RollBackArguments {
  std::string name;
  std::int64_t to = 0;
  ChangeOptions options;
};

Result<adminpb::RollBackNamespaceResponse> RollBack(Shell& shell,
                                                    const RollBackArguments& arguments,
                                                    std::int64_t revision, bool dry_run) {
  adminpb::RollBackNamespaceRequest request;
  request.set_name(arguments.name);
  request.set_to_revision(arguments.to);
  request.set_revision(revision);
  request.set_dry_run(dry_run);
  request.set_reason(arguments.options.reason);
  adminpb::RollBackNamespaceResponse response;
  TRY(shell.AdminCall(AdminPath("NamespaceAdmin/RollBack"), request, response));
  return response;
}

// As it is; nothing when it was deleted.
Result<std::optional<adminpb::Namespace>> Current(Shell& shell, const std::string& name) {
  auto record = GetRecord<Kind>(shell, name);
  if (record) return std::optional(std::move(*record));
  if (record.error().code() == Code::kNotFound) return std::optional<adminpb::Namespace>();
  return std::unexpected(record.error());
}

// Asks about what was seen, and does that or nothing.
int RunRollBack(Shell& shell, const RollBackArguments& arguments) {
  const auto before = Current(shell, arguments.name);
  if (!before) return shell.Fail(before.error());
  const std::int64_t seen = arguments.options.revision != 0 ? arguments.options.revision
                            : *before                       ? (*before)->revision()
                                                            : 0;
  const auto plan = RollBack(shell, arguments, seen, true);
  if (!plan) return shell.Fail(plan.error());
  const std::string diff = RecordDiff(*before ? &**before : nullptr,
                                      plan->has_namespace_() ? &plan->namespace_() : nullptr, "now",
                                      fmt::format("revision {}", arguments.to));
  const bool table = shell.options.output == Output::kTable;
  if (table) PrintDiff(diff);
  const std::string name = Printable(arguments.name);
  if (diff.empty() && table) {
    WriteLine(fmt::format("namespace {}: it is as it was at revision {}", name, arguments.to));
    return kDone;
  }
  if (arguments.options.dry_run) {
    if (!shell.Print(*plan)) {
      WriteLine(fmt::format("namespace {}: a dry run, nothing has changed", name));
    }
    return kDone;
  }
  const Result<bool> confirmed =
      Confirm(arguments.options,
              fmt::format("Make the namespace {} what it was at revision {}?", name, arguments.to));
  if (!confirmed || !*confirmed) return NotConfirmed(shell, confirmed);
  const auto done = RollBack(shell, arguments, seen, false);
  if (!done) return shell.Fail(done.error());
  if (!shell.Print(*done)) {
    WriteLine(fmt::format("namespace {}: {}, revision {}", name,
                          done->has_namespace_() ? fmt::format("as at revision {}", arguments.to)
                                                 : std::string("deleted, as it was not there then"),
                          done->revision()));
  }
  return kDone;
}

void AddTags(CLI::App& verb, std::vector<std::string>& tags, const std::string& option,
             const std::string& help) {
  verb.add_option(option, tags, help)->type_name("TAG")->allow_extra_args(false);
}

void AddCreate(CLI::App& ns, Shell& shell) {
  CLI::App* verb = ns.add_subcommand("create", "Make a namespace");
  auto arguments = std::make_shared<ChangeArguments>();
  AddRecordName(*verb, arguments->name, Kind::kArgument);
  AddOwnSetting(*verb, *arguments, "--backend", "backend",
                "Name of a backend; see \"prism backend list\"", "BACKEND");
  AddOwnSetting(*verb, *arguments, "--pattern", "pattern",
                "A data model or pattern; default: all data models of the backend", "PATTERN");
  AddOwnSetting(*verb, *arguments, "--owner", "owner", "A principal, or a text for people",
                "OWNER");
  AddTags(*verb, arguments->settings.add_tags, "--tag", "A tag; repeat it for more");
  AddSettingArguments(*verb, *arguments, adminpb::Namespace(), false);
  verb->footer(
      "What is left out gets its default. Refused when there is a namespace of this name.\n\n"
      "Examples:\n"
      "  prism namespace create orders --backend memory --set rate_limit_rps=500 --tag production\n"
      "  prism namespace create orders -f orders.yaml --dry-run");
  shell.On(
      *verb, [&shell, arguments] { return RunCreate<Kind>(shell, *arguments); }, Formats::kAll);
}

void AddUpdate(CLI::App& ns, Shell& shell) {
  CLI::App* verb = ns.add_subcommand("update", "Change settings of a namespace");
  auto arguments = std::make_shared<ChangeArguments>();
  AddRecordName(*verb, arguments->name, Kind::kArgument);
  AddSettingArguments(*verb, *arguments, adminpb::Namespace(), true);
  AddTags(*verb, arguments->settings.add_tags, "--add-tag", "A tag to add; repeat it for more");
  AddTags(*verb, arguments->settings.remove_tags, "--remove-tag",
          "A tag to take away; repeat it for more");
  verb->add_flag("--force", arguments->force, "Allow that the namespace loses interfaces");
  verb->footer(
      "Parts are named with a dot, lists separated by commas: access.read=billing,unix:ann. Calls "
      "go on while it is\n"
      "changed. Without --revision the change is made to what is there when it arrives.\n\n"
      "Examples:\n"
      "  prism namespace update orders --set rate_limit_rps=500 --unset owner --add-tag launch\n"
      "  prism namespace update orders --set max_value_bytes=1MiB --dry-run");
  shell.On(
      *verb, [&shell, arguments] { return RunUpdate<Kind>(shell, *arguments); }, Formats::kAll);
}

void AddDelete(CLI::App& ns, Shell& shell) {
  CLI::App* verb = ns.add_subcommand("delete", "Take a namespace out of the configuration");
  auto arguments = std::make_shared<ChangeArguments>();
  AddRecordName(*verb, arguments->name, Kind::kArgument);
  AddChangeOptions(*verb, arguments->options);
  AddYes(*verb, arguments->options);
  auto purge = std::make_shared<bool>(false);
  verb->add_flag("--purge", *purge, "Destroy its data too, which can't come back");
  verb->footer(
      "Its data and its history stay: \"prism namespace rollback\" brings it back. With --purge "
      "its "
      "data\n"
      "is destroyed, once calls that use it have ended; until then no namespace of this name can "
      "be "
      "made.\n\n"
      "Examples:\n"
      "  prism namespace delete orders --yes --reason \"moved to shop\"\n"
      "  prism namespace delete orders --purge --dry-run");
  shell.On(
      *verb,
      [&shell, arguments, purge] {
        if (*purge) return RunPurge(shell, *arguments);
        return RunDelete<Kind>(shell, *arguments,
                               fmt::format("Delete the namespace {}? Its data and history stay.",
                                           Printable(arguments->name)));
      },
      Formats::kAll);
}

void AddStatusVerb(CLI::App& ns, Shell& shell, const std::string& name,
                   const std::string& description, adminpb::NamespaceStatus status) {
  CLI::App* verb = ns.add_subcommand(name, description);
  auto arguments = std::make_shared<ChangeArguments>();
  AddRecordName(*verb, arguments->name, Kind::kArgument);
  AddChangeOptions(*verb, arguments->options);
  verb->footer(fmt::format("Example:\n  prism namespace {} orders --reason incident-7", name));
  shell.On(
      *verb, [&shell, arguments, status] { return RunStatus(shell, *arguments, status); },
      Formats::kAll);
}

void AddFeatures(CLI::App& ns, Shell& shell) {
  CLI::App* verb = ns.add_subcommand("features", "Show, set or remove feature flags");
  auto arguments = std::make_shared<FeatureArguments>();
  AddRecordName(*verb, arguments->name, Kind::kArgument);
  verb->add_option("ACTION", arguments->action, "set or remove; default: show them")
      ->check(CLI::IsMember({"set", "remove"}));
  verb->add_option("FLAG", arguments->flag,
                   "Name of the flag: 1..63 of a-z, 0-9 and -; at most 1000 flags");
  verb->add_option("VALUE", arguments->value, "on or off")->check(CLI::IsMember({"on", "off"}));
  AddRevision(*verb, arguments->options);
  AddReason(*verb, arguments->options);
  verb->footer(
      "Examples:\n"
      "  prism namespace features orders\n"
      "  prism namespace features orders set new-checkout on\n"
      "  prism namespace features orders remove new-checkout");
  shell.On(*verb, [&shell, arguments] { return RunFeatures(shell, *arguments); }, Formats::kAll);
}

void AddRollBack(CLI::App& ns, Shell& shell) {
  CLI::App* verb =
      ns.add_subcommand("rollback", "Make a namespace what it was at an earlier revision");
  auto arguments = std::make_shared<RollBackArguments>();
  AddRecordName(*verb, arguments->name, Kind::kArgument);
  AddToRevision(*verb, arguments->to);
  AddChangeOptions(*verb, arguments->options);
  AddYes(*verb, arguments->options);
  verb->footer(
      "Shows what changes and asks. It becomes a new revision; what was deleted comes back under "
      "its old id.\n\n"
      "Example:\n  prism namespace rollback orders --to 12 --reason \"limit was right\"");
  shell.On(*verb, [&shell, arguments] { return RunRollBack(shell, *arguments); }, Formats::kAll);
}

}  // namespace

void AddNamespaceChanges(CLI::App& ns, Shell& shell) {
  AddCreate(ns, shell);
  AddUpdate(ns, shell);
  AddDelete(ns, shell);
  AddStatusVerb(ns, shell, "enable", "Serve the calls of a namespace again", adminpb::ACTIVE);
  AddStatusVerb(ns, shell, "disable", "Refuse the calls of a namespace; its data stays",
                adminpb::DISABLED);
  AddFeatures(ns, shell);
  AddRollBack(ns, shell);
}

}  // namespace prism::cli
