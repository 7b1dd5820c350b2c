#include "cli/kv_common.h"

#include <CLI/CLI.hpp>
#include <google/protobuf/util/time_util.h>
#include <nlohmann/json.hpp>

#include <map>

#include "base/base64.h"
#include "base/units.h"
#include "cli/output.h"

namespace prism::cli {

using google::protobuf::util::TimeUtil;

std::string KvPath(std::string_view method) {
  return std::string("/prism.keyvalue.v1.").append(method);
}

Status ProbeNamespace(Shell& shell, const std::string& ns) {
  kvpb::ExistsRequest request;
  request.set_namespace_(ns);
  request.set_key("probe");
  kvpb::ExistsResponse response;
  TRY(shell.Call(KvPath("KeyValueBasic/Exists"), request, response));
  return {};
}

void AddNamespace(CLI::App& verb, std::string& ns) {
  verb.add_option("NAMESPACE", ns,
                  "Configured namespace, such as default (durable) or scratch (in memory)")
      ->required();
}

void AddKey(CLI::App& verb, std::string& key) {
  verb.add_option("KEY", key, "UTF-8, 1..1024 bytes; write -- before a key that begins with -")
      ->required();
}

void AddDuration(CLI::App& verb, const std::string& name,
                 std::optional<std::chrono::milliseconds>& into, const std::string& description) {
  verb.add_option_function<std::string>(
          name,
          [&into, name](const std::string& text) {
            Result<std::chrono::milliseconds> parsed = base::ParseDuration(text);
            if (!parsed) throw CLI::ValidationError(name, parsed.error().message());
            into = *parsed;
          },
          description)
      ->type_name("DURATION");
}

void AddWriteOptions(CLI::App& verb, WriteOptions& options) {
  AddDuration(verb, "--ttl", options.ttl,
              "Expire after this long, such as 10s, 1m30s or 250ms; default: never");
  verb.add_option("--tag", options.tags, "A tag, name=value; repeat it for more, at most 16")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

void SetDuration(std::chrono::milliseconds duration, google::protobuf::Duration& into) {
  into = TimeUtil::MillisecondsToDuration(duration.count());
}

std::string ExpiryText(const google::protobuf::Timestamp& time) { return TimeUtil::ToString(time); }

std::string TagsText(const google::protobuf::Map<std::string, std::string>& tags) {
  std::string text;
  for (const auto& [name, value] : std::map<std::string, std::string>(tags.begin(), tags.end())) {
    if (!text.empty()) text += ' ';
    text.append(Printable(name)).append("=").append(Printable(value));
  }
  return text;
}

nlohmann::ordered_json EntryToJson(const kvpb::Entry& entry, bool keys_only) {
  nlohmann::ordered_json json = {{"key", entry.key()}};
  if (!keys_only) json["value"] = base::Base64Encode(entry.value());
  if (!entry.version().empty()) json["version"] = entry.version();
  if (entry.has_expire_time()) json["expire_time"] = ExpiryText(entry.expire_time());
  if (!entry.tags().empty()) {
    json["tags"] = std::map<std::string, std::string>(entry.tags().begin(), entry.tags().end());
  }
  return json;
}

void PrintWritten(const Shell& shell, const std::string& version, const rpc::Reply& reply) {
  const std::string durability(reply.Header("prism-durability"));
  if (shell.json()) {
    nlohmann::ordered_json json = {{"version", version}};
    if (!durability.empty()) json["durability"] = durability;
    WriteLine(DumpJson(json));
    return;
  }
  Table table({"VERSION", "DURABILITY"});
  table.Add({Printable(version), durability.empty() ? "unknown" : Printable(durability)});
  table.Flush();
}

}  // namespace prism::cli
