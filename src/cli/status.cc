#include "cli/status.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/metrics_text.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "cli/status_slow.h"
#include "grpc/health/v1/health.pb.h"
#include "rpc/client/client_http.h"

namespace prism::cli {
namespace {

struct NamespaceFigures {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
};

// One thing that was asked: what it is called, whether it is well, and what it said.
struct Check {
  std::string name;
  std::string address;
  bool well = false;
  std::string says;
  std::optional<Error> error;  // why nothing was said
};

Check CheckData(Shell& shell) {
  Check check{
      .name = "data", .address = shell.options.server, .well = false, .says = {}, .error = {}};
  grpc::health::v1::HealthCheckRequest request;
  grpc::health::v1::HealthCheckResponse response;
  const Result<rpc::Reply> reply = shell.Call("/grpc.health.v1.Health/Check", request, response);
  if (!reply) {
    check.says = fmt::format("{}/{}", CodeName(reply.error().code()), reply.error().reason());
    check.error = reply.error();
    return check;
  }
  check.well = response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
  check.says = grpc::health::v1::HealthCheckResponse::ServingStatus_Name(response.status());
  return check;
}

Result<rpc::HttpReply> AskAdmin(const Shell& shell, std::string_view path) {
  return rpc::HttpGet(shell.Target(shell.options.admin_server), path, shell.call_timeout());
}

std::string WithoutLineEnd(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

Check CheckAdmin(const Shell& shell) {
  Check check{.name = "admin",
              .address = shell.options.admin_server,
              .well = false,
              .says = {},
              .error = {}};
  const Result<rpc::HttpReply> reply = AskAdmin(shell, "/readyz");
  if (!reply) {
    check.says = fmt::format("{}/{}", CodeName(reply.error().code()), reply.error().reason());
    check.error = reply.error();
    return check;
  }
  check.well = reply->status == 200;
  check.says = check.well
                   ? "ready"
                   : fmt::format("not ready ({}): {}", reply->status, WithoutLineEnd(reply->body));
  return check;
}

std::map<std::string, NamespaceFigures> ReadFigures(const Shell& shell) {
  std::map<std::string, NamespaceFigures> figures;
  const Result<rpc::HttpReply> reply = AskAdmin(shell, "/metrics");
  if (!reply || reply->status != 200) return figures;  // CheckAdmin has told what is wrong
  for (const MetricSample& sample : ParseMetrics(reply->body)) {
    const auto ns = sample.labels.find("namespace");
    if (ns == sample.labels.end()) continue;
    const auto count = static_cast<std::uint64_t>(sample.value);
    if (sample.name == "prism_namespace_requests_total") figures[ns->second].requests += count;
    if (sample.name == "prism_namespace_errors_total") figures[ns->second].errors += count;
  }
  // The row for what is beyond the bound on series exists before it is needed.
  std::erase_if(figures, [](const auto& entry) { return entry.second.requests == 0; });
  return figures;
}

// The version of the server: JSON with a member "version", or a line of text.
std::string ReadVersion(const Shell& shell) {
  const Result<rpc::HttpReply> reply = AskAdmin(shell, "/version");
  if (!reply || reply->status != 200) return {};
  const nlohmann::json parsed = nlohmann::json::parse(reply->body, nullptr, false);
  if (parsed.is_object() && parsed.contains("version") && parsed["version"].is_string())
    return parsed["version"];
  return WithoutLineEnd(reply->body);
}

void PrintJson(const std::vector<Check>& checks, const std::string& version,
               const std::map<std::string, NamespaceFigures>& figures) {
  nlohmann::ordered_json json;
  for (const Check& check : checks) {
    json[check.name] = {{"address", check.address}, {"well", check.well}, {"says", check.says}};
  }
  if (!version.empty()) json["version"] = version;
  json["namespaces"] = nlohmann::ordered_json::object();
  for (const auto& [name, counts] : figures) {
    json["namespaces"][name] = {{"requests", counts.requests}, {"errors", counts.errors}};
  }
  WriteLine(DumpJson(json));
}

void PrintTable(const std::vector<Check>& checks, const std::string& version,
                const std::map<std::string, NamespaceFigures>& figures) {
  Table ports({"PORT", "ADDRESS", "STATE"});
  for (const Check& check : checks)
    ports.Add({check.name, Printable(check.address), Printable(check.says)});
  ports.Flush();
  if (!version.empty()) WriteLine(fmt::format("\nversion {}", Printable(version)));
  if (figures.empty()) return;
  WriteLine("");
  Table table({"NAMESPACE", "REQUESTS", "ERRORS"});
  for (const auto& [name, counts] : figures) {
    table.Add({Printable(name), std::to_string(counts.requests), std::to_string(counts.errors)});
  }
  table.Flush();
}

int RunStatus(Shell& shell) {
  const std::vector<Check> checks = {CheckData(shell), CheckAdmin(shell)};
  const std::string version = ReadVersion(shell);
  const std::map<std::string, NamespaceFigures> figures = ReadFigures(shell);
  if (shell.json()) {
    PrintJson(checks, version, figures);
  } else {
    PrintTable(checks, version, figures);
  }
  for (const Check& check : checks) {
    if (check.well) continue;
    if (check.error) return shell.Fail(*check.error);
    return shell.Fail(
        Error(Code::kUnavailable, "SERVER_NOT_READY",
              fmt::format("the {} port at {} answers {}: see the server's log, and /readyz?verbose "
                          "of its admin port",
                          check.name, check.address, check.says)));
  }
  return kDone;
}

}  // namespace

void AddStatus(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand(
      "status", "Say whether a server is well, and how much its namespaces are used");
  verb->footer(
      "Asks the health service of the data port, and /readyz, /version and /metrics of the admin "
      "port.\n"
      "Exit code 0 when both are well. Requests and errors are counted since the server's start.\n"
      "With --slow it shows the slow requests that the server remembers instead (/slow of the "
      "admin port):\n"
      "those that took server.slow_request_threshold (1s) or longer, the newest first.\n\n"
      "Example:\n"
      "  prism status --server 127.0.0.1:8980 --admin-server 127.0.0.1:8981");
  const auto slow = std::make_shared<bool>(false);
  verb->add_flag("--slow", *slow, "Show the requests that were slow");
  shell.On(*verb, [&shell, slow] { return *slow ? RunSlowStatus(shell) : RunStatus(shell); });
}

}  // namespace prism::cli
