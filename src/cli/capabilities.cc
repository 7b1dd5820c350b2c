#include "cli/capabilities.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/util/time_util.h>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "cli/kv_common.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "prism/capability/v1/capability.pb.h"

namespace prism::cli {
namespace {

namespace v1 = ::prism::capability::v1;
using google::protobuf::util::TimeUtil;
using Rows = std::vector<std::pair<std::string, nlohmann::ordered_json>>;

// As the configuration spells it: FSYNCED is "fsynced".
std::string Word(const std::string& name) { return base::LowerCase(name); }

template <class List>
std::vector<std::string> Texts(const List& list) {
  return {list.begin(), list.end()};
}

// By the names that the configuration has for them.
Rows RowsOf(const v1::GetResponse& is) {
  const v1::Limits& limits = is.limits();
  return {{"namespace", is.namespace_()},
          {"api_version", is.api_version()},
          {"revision", is.revision()},
          {"status", Word(v1::NamespaceStatus_Name(is.status()))},
          {"interfaces", Texts(is.interfaces())},
          {"patterns", Texts(is.patterns())},
          {"durability", Word(v1::Durability_Name(is.durability()))},
          {"consistency", Word(v1::Consistency_Name(is.consistency()))},
          {"max_value_bytes", limits.max_value_bytes()},
          {"max_bytes", limits.max_bytes()},
          {"max_keys", limits.max_keys()},
          {"rate_limit_rps", limits.rate_limit_rps()},
          {"max_in_flight", limits.max_in_flight()},
          {"default_timeout", TimeUtil::ToString(limits.default_timeout())},
          {"dedup_window", TimeUtil::ToString(limits.dedup_window())},
          {"dedup_max_entries", limits.dedup_max_entries()},
          {"max_message_bytes", limits.max_message_bytes()}};
}

std::string CellOf(const nlohmann::ordered_json& value) {
  if (value.is_string()) return Printable(value.get<std::string>());
  if (!value.is_array()) return value.dump();
  if (value.empty()) return "-";
  return Printable(fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), ", ")));
}

int RunCapabilities(Shell& shell, const std::string& ns) {
  v1::GetRequest request;
  request.set_namespace_(ns);
  v1::GetResponse response;
  const auto reply = shell.Call("/prism.capability.v1.CapabilityService/Get", request, response);
  if (!reply) return shell.Fail(reply.error());
  const Rows rows = RowsOf(response);
  if (shell.json()) {
    nlohmann::ordered_json all;
    for (const auto& [name, value] : rows) all[name] = value;
    WriteLine(DumpJson(all));
    return kDone;
  }
  Table table({"WHAT", "IS"});
  for (const auto& [name, value] : rows) table.Add({name, CellOf(value)});
  table.Flush();
  return kDone;
}

}  // namespace

void AddCapabilities(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand(
      "capabilities", "Say what a namespace offers, what it promises, and its limits");
  verb->footer(
      "Limits of 0 are none. Needs the permission to read the namespace.\n\n"
      "Example:\n"
      "  prism capabilities default");
  const auto ns = std::make_shared<std::string>();
  AddNamespace(*verb, *ns);
  shell.On(*verb, [&shell, ns] { return RunCapabilities(shell, *ns); });
}

}  // namespace prism::cli
