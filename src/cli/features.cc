#include "cli/features.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "cli/kv_common.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "prism/capability/v1/capability.pb.h"

namespace prism::cli {
namespace {

namespace v1 = ::prism::capability::v1;

constexpr std::string_view kService = "/prism.capability.v1.CapabilityService/";

// Of both responses that carry flags.
template <class Response>
void Print(const Shell& shell, const Response& response) {
  const std::map<std::string, bool> features(response.features().begin(),
                                             response.features().end());
  if (shell.json()) {
    WriteLine(DumpJson(
        {{"revision", response.revision()}, {"features", nlohmann::ordered_json(features)}}));
  } else {
    Table table({"FEATURE", "STATE"});
    for (const auto& [name, enabled] : features) {
      table.Add({Printable(name), enabled ? "on" : "off"});
    }
    table.Flush();
  }
  std::fflush(stdout);  // who watches through a pipe sees each change at once
}

int RunFeatures(Shell& shell, const std::string& ns) {
  v1::GetFeaturesRequest request;
  request.set_namespace_(ns);
  v1::GetFeaturesResponse response;
  const auto reply = shell.Call(std::string(kService) + "GetFeatures", request, response);
  if (!reply) return shell.Fail(reply.error());
  Print(shell, response);
  return kDone;
}

int RunWatch(Shell& shell, const std::string& ns) {
  v1::WatchFeaturesRequest request;
  request.set_namespace_(ns);
  auto stream = shell.Stream(std::string(kService) + "WatchFeatures", request);
  if (!stream) return shell.Fail(stream.error());
  v1::WatchFeaturesResponse response;
  while (true) {
    const Result<bool> more = stream->Read(response);
    if (!more) return shell.Fail(more.error());
    if (!*more) return kDone;
    Print(shell, response);
  }
}

}  // namespace

void AddFeatures(CLI::App& app, Shell& shell) {
  CLI::App* verb = app.add_subcommand("features", "Show the feature flags of a namespace");
  verb->footer(
      "With --watch it goes on and shows them again each time that they have changed.\n"
      "Needs the permission to read the namespace.\n\n"
      "Example:\n"
      "  prism features default --watch -o json");
  struct Arguments {
    std::string ns;
    bool watch = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  AddNamespace(*verb, arguments->ns);
  verb->add_flag("--watch", arguments->watch, "Go on, and show each change");
  shell.On(*verb, [&shell, arguments] {
    return arguments->watch ? RunWatch(shell, arguments->ns) : RunFeatures(shell, arguments->ns);
  });
}

}  // namespace prism::cli
