// prism kv set, get, delete, exists.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>

#include "cli/kv.h"
#include "cli/kv_common.h"
#include "cli/output.h"

namespace prism::cli {
namespace {

struct SetArguments {
  KvTarget target;
  std::string value;
  WriteOptions write;
};

int RunSet(Shell& shell, const SetArguments& arguments) {
  kvpb::SetRequest request;
  request.set_namespace_(arguments.target.ns);
  request.set_key(arguments.target.key);
  request.set_request_id(shell.options.request_id);
  Result<std::string> value = ReadValue(arguments.value);
  if (!value) return shell.Fail(value.error());
  request.set_value(*std::move(value));
  if (Status applied = ApplyWriteOptions(arguments.write, request); !applied)
    return shell.Fail(applied.error());

  kvpb::SetResponse response;
  const Result<rpc::Reply> reply = shell.Call(KvPath("KeyValueBasic/Set"), request, response);
  if (!reply) return shell.Fail(reply.error());
  PrintWritten(shell, response.version(), *reply);
  return kDone;
}

int RunGet(Shell& shell, const KvTarget& target) {
  kvpb::GetRequest request;
  request.set_namespace_(target.ns);
  request.set_key(target.key);
  kvpb::GetResponse response;
  const Result<rpc::Reply> reply = shell.Call(KvPath("KeyValueBasic/Get"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (!response.found()) {
    if (IsTerminal(stderr)) std::fputs("not found\n", stderr);
    return kFailed;
  }
  if (shell.json()) {
    kvpb::Entry entry;
    entry.set_key(target.key);
    *entry.mutable_value() = response.value();
    entry.set_version(response.version());
    if (response.has_expire_time()) *entry.mutable_expire_time() = response.expire_time();
    *entry.mutable_tags() = response.tags();
    WriteLine(DumpJson(EntryToJson(entry, false)));
    return kDone;
  }
  WriteOut(response.value());
  // The prompt belongs on a line of its own; a file or a pipe gets the bytes and nothing else.
  if (IsTerminal(stdout) && !response.value().ends_with('\n')) WriteOut("\n");
  return kDone;
}

struct DeleteArguments {
  KvTarget target;
  std::string prefix;
};

int RunDeletePrefix(Shell& shell, const DeleteArguments& arguments) {
  kvpb::DeletePrefixRequest request;
  request.set_namespace_(arguments.target.ns);
  request.set_prefix(arguments.prefix);
  request.set_request_id(shell.options.request_id);
  kvpb::DeletePrefixResponse response;
  const Result<rpc::Reply> reply =
      shell.Call(KvPath("KeyValueScan/DeletePrefix"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (shell.json()) {
    WriteLine(DumpJson({{"deleted", response.deleted()}}));
  } else {
    WriteLine(std::to_string(response.deleted()));
  }
  return kDone;
}

int RunDelete(Shell& shell, const DeleteArguments& arguments) {
  if (!arguments.prefix.empty()) return RunDeletePrefix(shell, arguments);
  kvpb::DeleteRequest request;
  request.set_namespace_(arguments.target.ns);
  request.set_key(arguments.target.key);
  request.set_request_id(shell.options.request_id);
  kvpb::DeleteResponse response;
  const Result<rpc::Reply> reply = shell.Call(KvPath("KeyValueBasic/Delete"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (shell.json()) {
    WriteLine(DumpJson({{"existed", response.existed()}}));
  } else {
    WriteLine(response.existed() ? "deleted" : "was not there");
  }
  return kDone;
}

int RunExists(Shell& shell, const KvTarget& target) {
  kvpb::ExistsRequest request;
  request.set_namespace_(target.ns);
  request.set_key(target.key);
  kvpb::ExistsResponse response;
  const Result<rpc::Reply> reply = shell.Call(KvPath("KeyValueBasic/Exists"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (!response.exists()) return kFailed;
  WriteLine(shell.json() ? R"({"exists":true})" : "exists");
  return kDone;
}

void AddSet(CLI::App& kv, Shell& shell) {
  CLI::App* verb =
      kv.add_subcommand("set", "Write a value; without --ttl an old expiry is cleared");
  auto arguments = std::make_shared<SetArguments>();
  AddNamespace(*verb, arguments->target.ns);
  AddKey(*verb, arguments->target.key);
  verb->add_option("VALUE", arguments->value,
                   "The value; - reads standard input, @FILE a file (@@x is the text @x); at most "
                   "4 MiB by default")
      ->required();
  AddWriteOptions(*verb, arguments->write);
  verb->footer(
      "Examples:\n"
      "  prism kv set default greeting hello --ttl 10s\n"
      "  prism kv set default photo @cat.jpg --tag owner=web\n"
      "  date | prism kv set scratch now -");
  shell.On(*verb, [&shell, arguments] { return RunSet(shell, *arguments); });
}

void AddDelete(CLI::App& kv, Shell& shell) {
  CLI::App* verb = kv.add_subcommand("delete", "Remove a key, or every key under a prefix");
  auto arguments = std::make_shared<DeleteArguments>();
  AddNamespace(*verb, arguments->target.ns);
  CLI::Option* key = verb->add_option("KEY", arguments->target.key,
                                      "The key to remove; one that is not there is fine");
  CLI::Option* prefix =
      verb->add_option("--prefix", arguments->prefix,
                       "Remove every key that begins with this (not empty), and print how many");
  key->excludes(prefix);
  verb->footer(
      "Examples:\n"
      "  prism kv delete default greeting\n"
      "  prism kv delete scratch --prefix session:");
  shell.On(*verb, [&shell, arguments] { return RunDelete(shell, *arguments); });
  // One of both must be there: CLI11 has no positional in an option group with an excluded flag.
  verb->parse_complete_callback([key, prefix] {
    if (key->count() + prefix->count() == 0) throw CLI::RequiredError("KEY or --prefix");
    if (prefix->count() != 0 && prefix->as<std::string>().empty()) {
      throw CLI::ValidationError("--prefix",
                                 "an empty prefix would remove everything; name at least one byte");
    }
  });
}

}  // namespace

void AddKvBasic(CLI::App& kv, Shell& shell) {
  AddSet(kv, shell);

  CLI::App* get = kv.add_subcommand(
      "get", "Print a value as it is; exit code 1 and no output when it is absent");
  auto target = std::make_shared<KvTarget>();
  AddNamespace(*get, target->ns);
  AddKey(*get, target->key);
  get->footer(
      "Examples:\n"
      "  prism kv get default greeting\n"
      "  prism kv get default photo > cat.jpg\n"
      "  prism kv get default greeting -o json   # value in base64, version, expiry, tags");
  shell.On(*get, [&shell, target] { return RunGet(shell, *target); });

  AddDelete(kv, shell);

  CLI::App* exists =
      kv.add_subcommand("exists", "Say by the exit code whether a key is there: 0 yes, 1 no");
  auto asked = std::make_shared<KvTarget>();
  AddNamespace(*exists, asked->ns);
  AddKey(*exists, asked->key);
  exists->footer("Example:\n  prism kv exists default greeting && echo there");
  shell.On(*exists, [&shell, asked] { return RunExists(shell, *asked); });
}

}  // namespace prism::cli
