// prism config import, rollback, backup.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>

#include "cli/admin_common.h"
#include "cli/config.h"
#include "cli/config_difference.h"
#include "cli/config_pieces.h"
#include "cli/diff.h"
#include "cli/operation_wait.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "prism/admin/v1/config.pb.h"

namespace prism::cli {
namespace {

namespace adminpb = ::prism::admin::v1;

// The configuration's revision: what is shown is what is changed, or nothing is.
Result<std::int64_t> CurrentRevision(Shell& shell) {
  adminpb::ListRevisionsRequest request;
  request.set_page_size(1);
  adminpb::ListRevisionsResponse response;
  TRY(shell.AdminCall(AdminPath("ConfigAdmin/ListRevisions"), request, response));
  return response.revisions().empty() ? 0 : response.revisions(0).revision();
}

template <class Response>
void TellDifferences(const Response& response) {
  PrintDiff(DifferencesText(response.differences()));
}

// How a change of the whole configuration is made: tried, shown, asked about, done. `Request` has
// revision, dry_run and reason; `Response` has differences.
template <class Request, class Response>
class WholeChange {
 public:
  using Call = std::function<Result<Response>(const Request&)>;

  WholeChange(Shell& shell, Call call, const ChangeOptions& options)
      : shell_(shell), call_(std::move(call)), options_(options) {}

  // `question`: empty when nobody is asked.
  int Run(Request request, const std::string& question) {
    request.set_reason(options_.reason);
    request.set_revision(options_.revision);
    if (request.revision() == 0 && !question.empty()) {
      const auto current = CurrentRevision(shell_);
      if (!current) return shell_.Fail(current.error());
      request.set_revision(*current);
    }
    if (options_.dry_run || !question.empty()) {
      request.set_dry_run(true);
      const auto plan = call_(request);
      if (!plan) return shell_.Fail(plan.error());
      if (options_.dry_run) return Tell(*plan, "a dry run, nothing has changed");
      if (plan->differences().empty()) return Tell(*plan, "nothing to change");
      if (shell_.options.output == Output::kTable) TellDifferences(*plan);
      const Result<bool> confirmed = Confirm(options_, question);
      if (!confirmed || !*confirmed) return NotConfirmed(shell_, confirmed);
      request.set_dry_run(false);
      const auto done = call_(request);
      if (!done) return shell_.Fail(done.error());
      if (!shell_.Print(*done)) WriteLine(fmt::format("done, revision {}", done->revision()));
      return kDone;
    }
    const auto done = call_(request);
    if (!done) return shell_.Fail(done.error());
    return Tell(*done, done->differences().empty()
                           ? std::string("nothing to change")
                           : fmt::format("done, revision {}", done->revision()));
  }

 private:
  int Tell(const Response& response, const std::string& end) {
    if (shell_.Print(response)) return kDone;
    TellDifferences(response);
    WriteLine(fmt::format(
        "{}; {}", DifferencesCount(response.total_size(), response.differences_size()), end));
    return kDone;
  }

  Shell& shell_;
  Call call_;
  const ChangeOptions& options_;
};

struct ImportArguments {
  std::string file;
  bool replace = false;
  ChangeOptions options;
};

int RunImport(Shell& shell, const ImportArguments& arguments) {
  adminpb::ImportConfigRequest request;
  auto text = ReadFile(arguments.file);
  if (!text) return shell.Fail(text.error());
  request.set_yaml(*std::move(text));
  request.set_replace(arguments.replace);
  using Change = WholeChange<adminpb::ImportConfigRequest, adminpb::ImportConfigResponse>;
  const auto call = [&shell](const adminpb::ImportConfigRequest& whole) {
    return SendPieces<adminpb::ImportConfigRequest, adminpb::ImportConfigResponse>(
        shell, AdminPath("ConfigAdmin/ImportPieces"), whole,
        &adminpb::ImportConfigRequest::mutable_yaml);
  };
  return Change(shell, call, arguments.options)
      .Run(std::move(request),
           arguments.replace ? "Make the configuration exactly what the file says?" : "");
}

struct RollBackArguments {
  std::int64_t to = 0;
  ChangeOptions options;
};

int RunRollBack(Shell& shell, const RollBackArguments& arguments) {
  adminpb::RollBackConfigRequest request;
  request.set_to_revision(arguments.to);
  using Change = WholeChange<adminpb::RollBackConfigRequest, adminpb::RollBackConfigResponse>;
  const auto call =
      [&shell](
          const adminpb::RollBackConfigRequest& to) -> Result<adminpb::RollBackConfigResponse> {
    adminpb::RollBackConfigResponse response;
    TRY(shell.AdminCall(AdminPath("ConfigAdmin/RollBack"), to, response));
    return response;
  };
  return Change(shell, call, arguments.options)
      .Run(std::move(request),
           fmt::format("Make the whole configuration what it was at revision {}?", arguments.to));
}

int TellOperation(Shell& shell, const adminpb::Operation& operation) {
  if (operation.done() && !operation.error().empty()) {
    return shell.Fail(Error(Code::kInternal, "OPERATION_FAILED",
                            fmt::format("{} {} has failed: {}", operation.kind(), operation.name(),
                                        operation.error())));
  }
  if (shell.Print(operation)) return kDone;
  WriteLine(operation.done() ? Printable(operation.result()) : GoesOn(operation.name()));
  return kDone;
}

int RunBackup(Shell& shell, bool wait) {
  adminpb::Operation operation;
  const auto reply =
      shell.AdminCall(AdminPath("ConfigAdmin/BackUp"), adminpb::BackUpConfigRequest(), operation);
  if (!reply) return shell.Fail(reply.error());
  if (!wait) return TellOperation(shell, operation);
  const auto ended = AwaitEnd(shell, operation);
  if (!ended) return shell.Fail(ended.error());
  return TellOperation(shell, *ended);
}

void AddImport(CLI::App& config, Shell& shell) {
  CLI::App* verb = config.add_subcommand(
      "import", "Make the backends and namespaces of a file part of the configuration");
  auto arguments = std::make_shared<ImportArguments>();
  verb->add_option(
          "FILE", arguments->file,
          "A file like prism.yaml, at most 16 MiB; - is standard input; its options of the "
          "server do not count")
      ->required();
  verb->add_flag("--replace", arguments->replace,
                 "What is not in the file goes; shows what changes and asks");
  AddChangeOptions(*verb, arguments->options);
  AddYes(*verb, arguments->options);
  verb->footer(
      "All of it in one revision, or with a mistake nothing.\n\n"
      "Example:\n  prism config import prism.yaml --dry-run");
  shell.On(*verb, [&shell, arguments] { return RunImport(shell, *arguments); }, Formats::kAll);
}

void AddRollBack(CLI::App& config, Shell& shell) {
  CLI::App* verb = config.add_subcommand(
      "rollback", "Make the whole configuration what it was at an earlier revision");
  auto arguments = std::make_shared<RollBackArguments>();
  AddToRevision(*verb, arguments->to);
  AddChangeOptions(*verb, arguments->options);
  AddYes(*verb, arguments->options);
  verb->footer(
      "Shows what changes and asks. It becomes a new revision: nothing of the history is lost.\n\n"
      "Example:\n  prism config rollback --to 12 --dry-run");
  shell.On(*verb, [&shell, arguments] { return RunRollBack(shell, *arguments); }, Formats::kAll);
}

void AddBackup(CLI::App& config, Shell& shell) {
  CLI::App* verb =
      config.add_subcommand("backup", "Back the configuration store up while the server runs");
  auto no_wait = std::make_shared<bool>(false);
  verb->add_flag("--no-wait", *no_wait, "Print the operation that was begun, do not wait for it");
  verb->footer(
      "Prints the file on the server's machine, in backup.dir of its options. \"prism config "
      "check\" "
      "reads one whole,\n\"prism config restore\" puts one in the place of the store.\n\n"
      "Example:\n  prism config backup");
  shell.On(*verb, [&shell, no_wait] { return RunBackup(shell, !*no_wait); }, Formats::kAll);
}

}  // namespace

void AddConfigChanges(CLI::App& config, Shell& shell) {
  AddImport(config, shell);
  AddRollBack(config, shell);
  AddBackup(config, shell);
}

}  // namespace prism::cli
