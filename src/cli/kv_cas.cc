// prism kv cas, incr.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>

#include "cli/kv.h"
#include "cli/kv_common.h"
#include "cli/output.h"

namespace prism::cli {
namespace {

struct CasArguments {
  KvTarget target;
  std::string value;
  bool absent = false;
  std::optional<std::string> expect_value;
  std::optional<std::string> expect_version;
  WriteOptions write;
};

Status FillCas(const CasArguments& arguments, kvpb::CompareAndSwapRequest& request) {
  TRY_ASSIGN(*request.mutable_value(), ReadValue(arguments.value));
  TRY(ApplyWriteOptions(arguments.write, request));
  if (arguments.absent) {
    request.mutable_expect()->set_absent(true);
  } else if (arguments.expect_version) {
    request.mutable_expect()->set_version(*arguments.expect_version);
  } else {
    TRY_ASSIGN(*request.mutable_expect()->mutable_value(), ReadValue(*arguments.expect_value));
  }
  return {};
}

// A mismatch is an answer, with exit code 1: what is there goes to stderr, or into the JSON.
int PrintMismatch(const Shell& shell, const kvpb::CompareAndSwapResponse& response) {
  if (shell.json()) {
    nlohmann::ordered_json json = {{"swapped", false}, {"version", response.version()}};
    if (response.has_current()) json["current"] = EntryToJson(response.current(), false);
    WriteLine(DumpJson(json));
  } else if (!response.has_current()) {
    std::fputs("not swapped: the key is absent\n", stderr);
  } else {
    std::fputs(
        ("not swapped: the current version is " + Printable(response.version()) + "\n").c_str(),
        stderr);
  }
  return kFailed;
}

int RunCas(Shell& shell, const CasArguments& arguments) {
  kvpb::CompareAndSwapRequest request;
  request.set_namespace_(arguments.target.ns);
  request.set_key(arguments.target.key);
  request.set_request_id(shell.options.request_id);
  if (Status filled = FillCas(arguments, request); !filled) return shell.Fail(filled.error());
  kvpb::CompareAndSwapResponse response;
  const Result<rpc::Reply> reply =
      shell.Call(KvPath("KeyValueCas/CompareAndSwap"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (!response.swapped()) return PrintMismatch(shell, response);
  if (shell.json()) {
    WriteLine(DumpJson({{"swapped", true},
                        {"version", response.version()},
                        {"durability", std::string(reply->Header("prism-durability"))}}));
  } else {
    PrintWritten(shell, response.version(), *reply);
  }
  return kDone;
}

struct IncrArguments {
  KvTarget target;
  std::int64_t delta = 1;
};

int RunIncr(Shell& shell, const IncrArguments& arguments) {
  kvpb::IncrementRequest request;
  request.set_namespace_(arguments.target.ns);
  request.set_key(arguments.target.key);
  request.set_delta(arguments.delta);
  request.set_request_id(shell.options.request_id);
  kvpb::IncrementResponse response;
  const Result<rpc::Reply> reply = shell.Call(KvPath("KeyValueCas/Increment"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (shell.json()) {
    WriteLine(DumpJson({{"value", response.value()}, {"version", response.version()}}));
  } else {
    WriteLine(std::to_string(response.value()));
  }
  return kDone;
}

}  // namespace

void AddKvCas(CLI::App& kv, Shell& shell) {
  CLI::App* cas = kv.add_subcommand(
      "cas", "Write a value if what is there is as expected; exit code 1 when it is not");
  auto swap = std::make_shared<CasArguments>();
  AddNamespace(*cas, swap->target.ns);
  AddKey(*cas, swap->target.key);
  cas->add_option("VALUE", swap->value, "The new value; - reads standard input, @FILE a file")
      ->required();
  CLI::Option_group* expect = cas->add_option_group("Expectation", "Exactly one is needed");
  expect->add_flag("--absent", swap->absent, "The key is not there");
  expect->add_option("--expect-value", swap->expect_value,
                     "The key has this value (@FILE: of the file)");
  expect->add_option("--expect-version", swap->expect_version, "The key has this version");
  expect->require_option(1);
  AddWriteOptions(*cas, swap->write);
  cas->footer(
      "Examples:\n"
      "  prism kv cas default lock me --absent --ttl 30s\n"
      "  prism kv cas default state done --expect-value running");
  shell.On(*cas, [&shell, swap] { return RunCas(shell, *swap); });

  CLI::App* incr = kv.add_subcommand(
      "incr", "Add to a decimal number and print the sum; an absent key counts as 0");
  auto sum = std::make_shared<IncrArguments>();
  AddNamespace(*incr, sum->target.ns);
  AddKey(*incr, sum->target.key);
  incr->add_option("DELTA", sum->delta, "A 64-bit integer, negative to subtract")
      ->capture_default_str();
  incr->footer("Examples:\n  prism kv incr scratch visits\n  prism kv incr scratch stock -5");
  shell.On(*incr, [&shell, sum] { return RunIncr(shell, *sum); });
}

}  // namespace prism::cli
