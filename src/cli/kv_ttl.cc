// prism kv expire, ttl, persist.
#include <CLI/CLI.hpp>
#include <google/protobuf/util/time_util.h>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/kv.h"
#include "cli/kv_common.h"
#include "cli/output.h"

namespace prism::cli {
namespace {

struct ExpireArguments {
  KvTarget target;
  std::string ttl_text;
  std::chrono::milliseconds ttl{0};
};

int RunExpire(Shell& shell, const ExpireArguments& arguments) {
  kvpb::ExpireRequest request;
  request.set_namespace_(arguments.target.ns);
  request.set_key(arguments.target.key);
  request.set_request_id(shell.options.request_id);
  SetDuration(arguments.ttl, *request.mutable_ttl());
  kvpb::ExpireResponse response;
  const Result<rpc::Reply> reply = shell.Call(KvPath("KeyValueTtl/Expire"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (!response.existed()) return kFailed;
  WriteLine(shell.json() ? R"({"existed":true})"
                         : "expires in " + base::FormatDuration(arguments.ttl));
  return kDone;
}

int RunTtl(Shell& shell, const KvTarget& target) {
  kvpb::GetTTLRequest request;
  request.set_namespace_(target.ns);
  request.set_key(target.key);
  kvpb::GetTTLResponse response;
  const Result<rpc::Reply> reply = shell.Call(KvPath("KeyValueTtl/GetTTL"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (response.state() == kvpb::GetTTLResponse::MISSING) return kFailed;
  const bool expiring = response.state() == kvpb::GetTTLResponse::EXPIRING;
  if (shell.json()) {
    nlohmann::ordered_json json = {{"state", kvpb::GetTTLResponse::State_Name(response.state())}};
    if (expiring) json["ttl"] = google::protobuf::util::TimeUtil::ToString(response.ttl());
    WriteLine(DumpJson(json));
    return kDone;
  }
  const std::chrono::milliseconds left(
      google::protobuf::util::TimeUtil::DurationToMilliseconds(response.ttl()));
  WriteLine(expiring ? base::FormatDuration(left) : "persistent");
  return kDone;
}

int RunPersist(Shell& shell, const KvTarget& target) {
  kvpb::PersistRequest request;
  request.set_namespace_(target.ns);
  request.set_key(target.key);
  request.set_request_id(shell.options.request_id);
  kvpb::PersistResponse response;
  const Result<rpc::Reply> reply = shell.Call(KvPath("KeyValueTtl/Persist"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (!response.removed()) return kFailed;
  WriteLine(shell.json() ? R"({"removed":true})" : "persistent");
  return kDone;
}

void AddExpire(CLI::App& kv, Shell& shell) {
  CLI::App* verb = kv.add_subcommand(
      "expire", "Set when an existing key expires; exit code 1 when it is absent");
  auto arguments = std::make_shared<ExpireArguments>();
  AddNamespace(*verb, arguments->target.ns);
  AddKey(*verb, arguments->target.key);
  verb->add_option_function<std::string>(
          "TTL",
          [arguments](const std::string& text) {
            Result<std::chrono::milliseconds> parsed = base::ParseDuration(text);
            if (!parsed) throw CLI::ValidationError("TTL", parsed.error().message());
            arguments->ttl = *parsed;
          },
          "From now, more than 0: 10s, 1m30s, 250ms, 2d")
      ->required();
  verb->footer("Example:\n  prism kv expire default greeting 1m30s");
  shell.On(*verb, [&shell, arguments] { return RunExpire(shell, *arguments); });
}

}  // namespace

void AddKvTtl(CLI::App& kv, Shell& shell) {
  AddExpire(kv, shell);

  CLI::App* ttl = kv.add_subcommand(
      "ttl", "Print how long a key has left, or \"persistent\"; exit code 1 when it is absent");
  auto asked = std::make_shared<KvTarget>();
  AddNamespace(*ttl, asked->ns);
  AddKey(*ttl, asked->key);
  ttl->footer("Example:\n  prism kv ttl default greeting");
  shell.On(*ttl, [&shell, asked] { return RunTtl(shell, *asked); });

  CLI::App* persist = kv.add_subcommand(
      "persist", "Remove the expiry of a key; exit code 1 when there is no key or no expiry");
  auto kept = std::make_shared<KvTarget>();
  AddNamespace(*persist, kept->ns);
  AddKey(*persist, kept->key);
  persist->footer("Example:\n  prism kv persist default greeting");
  shell.On(*persist, [&shell, kept] { return RunPersist(shell, *kept); });
}

}  // namespace prism::cli
