// prism config show, diff, export, revisions, verify.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>
#include <string>

#include "cli/admin_common.h"
#include "cli/config.h"
#include "cli/config_difference.h"
#include "cli/config_pieces.h"
#include "cli/diff.h"
#include "cli/message_output.h"
#include "cli/output.h"
#include "cli/record_verbs.h"
#include "cli/shell.h"
#include "rpc/client/client_http.h"

namespace prism::cli {
namespace {

constexpr std::int64_t kMostRevisions = std::numeric_limits<std::int64_t>::max();

Error NoConfigPage(const Shell& shell, const rpc::HttpReply& reply) {
  const std::string& address = shell.options.admin_server;
  if (reply.status == 401) {
    return Error(Code::kUnauthenticated, "UNAUTHENTICATED",
                 fmt::format("{} does not know who asks", address));
  }
  if (reply.status == 403) {
    return Error(Code::kPermissionDenied, "ACCESS_DENIED",
                 fmt::format("{} shows its configuration to administrators of the server only: use "
                             "the token of one",
                             address));
  }
  return Error(Code::kUnimplemented, "CONFIG_UNAVAILABLE",
               fmt::format("{} answers /config with {} and nothing that is a configuration: is it "
                           "the admin port of a server of this version?",
                           address, reply.status));
}

int RunShow(Shell& shell, bool effective) {
  const auto reply =
      rpc::HttpGet(shell.Target(shell.options.admin_server), "/config", shell.call_timeout());
  if (!reply) return shell.Fail(reply.error());
  nlohmann::ordered_json page = nlohmann::ordered_json::parse(reply->body, nullptr, false);
  if (reply->status != 200 || !page.is_object() || !page.contains("namespaces")) {
    return shell.Fail(NoConfigPage(shell, *reply));
  }
  if (!effective) page = {{"backends", page["backends"]}, {"namespaces", page["namespaces"]}};
  if (shell.json()) {
    WriteLine(DumpJson(page));
  } else {
    WriteOut(JsonToYaml(page));
  }
  return kDone;
}

struct DiffArguments {
  std::string first = "prism.yaml";
  std::string second;
  bool replace = false;
};

// Nothing for what is no number.
std::int64_t RevisionIn(const std::string& text) {
  std::int64_t revision = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
  return error == std::errc() && end == text.data() + text.size() && revision > 0 ? revision : 0;
}

Result<adminpb::DiffConfigRequest> DiffRequest(const DiffArguments& arguments) {
  adminpb::DiffConfigRequest request;
  request.set_from_revision(RevisionIn(arguments.first));
  if (!arguments.second.empty()) {
    request.set_to_revision(RevisionIn(arguments.second));
    if (request.from_revision() == 0 || request.to_revision() == 0) {
      return std::unexpected(Error(Code::kInvalidArgument, "BAD_USAGE",
                                   "compare a FILE, or two revisions: two numbers from 1"));
    }
    return request;
  }
  if (request.from_revision() != 0) return request;
  TRY_ASSIGN(*request.mutable_to_yaml(), ReadFile(arguments.first));
  request.set_replace(arguments.replace);
  return request;
}

int RunDiff(Shell& shell, const DiffArguments& arguments) {
  const auto request = DiffRequest(arguments);
  if (!request) {
    return request.error().reason() == "BAD_USAGE" ? BadUsage(shell, request.error())
                                                   : shell.Fail(request.error());
  }
  const auto answer = SendPieces<adminpb::DiffConfigRequest, adminpb::DiffConfigResponse>(
      shell, AdminPath("ConfigAdmin/DiffPieces"), *request,
      &adminpb::DiffConfigRequest::mutable_to_yaml);
  if (!answer) return shell.Fail(answer.error());
  const adminpb::DiffConfigResponse& response = *answer;
  constexpr int kDifferent = 2;
  const int code = response.differences().empty() ? kDone : kDifferent;
  if (shell.Print(response)) return code;
  if (code == kDone) {
    WriteLine("no difference");
    return code;
  }
  const std::string to = response.to_revision() != 0
                             ? fmt::format("revision {}", response.to_revision())
                             : Printable(arguments.first);
  PrintDiff(fmt::format("--- revision {}\n+++ {}\n", response.from_revision(), to) +
            DifferencesText(response.differences()));
  WriteLine(DifferencesCount(response.total_size(), response.differences_size()));
  return code;
}

int RunExport(Shell& shell, std::int64_t revision) {
  adminpb::ExportConfigRequest request;
  request.set_revision(revision);
  auto stream = shell.AdminStream(AdminPath("ConfigAdmin/Export"), request);
  if (!stream) return shell.Fail(stream.error());
  // Half a configuration would be taken for a whole one: nothing is printed before all is there.
  adminpb::ExportConfigResponse whole;
  adminpb::ExportConfigResponse piece;
  Result<bool> more = stream->Read(piece);
  for (; more && *more; more = stream->Read(piece)) {
    whole.set_revision(piece.revision());
    whole.mutable_yaml()->append(piece.yaml());
  }
  if (!more) return shell.Fail(more.error());
  if (shell.json()) return shell.Print(whole) ? kDone : kFailed;
  WriteOut(whole.yaml());  // a file, not a text for a terminal: as it is
  return kDone;
}

int RunRevisions(Shell& shell, std::int64_t limit) {
  constexpr std::int64_t kMaxPage = 1000;
  adminpb::ListRevisionsRequest request;
  Table table({"REVISION", "TIME", "BY", "CHANGED", "REASON"});
  std::int64_t left = limit == 0 ? kMostRevisions : limit;
  do {
    request.set_page_size(static_cast<std::int32_t>(std::min(kMaxPage, left)));
    adminpb::ListRevisionsResponse page;
    const auto reply = shell.AdminCall(AdminPath("ConfigAdmin/ListRevisions"), request, page);
    if (!reply) return shell.Fail(reply.error());
    for (const adminpb::Revision& revision : page.revisions()) {
      if (shell.PrintElement(revision)) continue;
      std::string objects = Shortened(Joined(revision.objects()), 60);
      if (revision.total_size() > revision.objects_size()) {
        objects = fmt::format("{} objects", revision.total_size());
      }
      table.Add({std::to_string(revision.revision()), TimeCell(revision.time()),
                 Printable(revision.changed_by()), std::move(objects),
                 revision.reason().empty() ? "-" : Printable(revision.reason())});
    }
    left -= page.revisions_size();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && left > 0);
  if (shell.options.output == Output::kTable) table.Flush();
  return kDone;
}

int RunVerify(Shell& shell) {
  adminpb::VerifyHistoryResponse response;
  const auto reply = shell.AdminCall(AdminPath("ConfigAdmin/VerifyHistory"),
                                     adminpb::VerifyHistoryRequest(), response);
  if (!reply) return shell.Fail(reply.error());
  const int code = response.whole() ? kDone : kFailed;
  if (shell.Print(response)) return code;
  if (response.whole()) {
    WriteLine(fmt::format("the histories are whole up to revision {}", response.revision()));
    return code;
  }
  return shell.Fail(Error(Code::kDataLoss, "HISTORY_BROKEN",
                          fmt::format("{}: somebody or something has changed the store; compare it "
                                      "with a backup (prism config check FILE)",
                                      response.problem())));
}

void AddShow(CLI::App& config, Shell& shell) {
  CLI::App* verb = config.add_subcommand("show", "Print what the server runs with");
  auto effective = std::make_shared<bool>(false);
  verb->add_flag("--effective", *effective,
                 "Also the options of the server, from flags, environment, file and defaults");
  verb->footer("Secrets are shown as references.\n\nExample:\n  prism config show --effective");
  shell.On(*verb, [&shell, effective] { return RunShow(shell, *effective); }, Formats::kAll);
}

void AddDiff(CLI::App& config, Shell& shell) {
  CLI::App* verb =
      config.add_subcommand("diff", "What differs between a file or a revision and now");
  auto arguments = std::make_shared<DiffArguments>();
  verb->add_option(
          "FILE_OR_FROM", arguments->first,
          "A file like prism.yaml (- is standard input): what importing it would change; or "
          "a revision")
      ->capture_default_str();
  verb->add_option("TO", arguments->second, "Behind a revision: another one; default: now");
  verb->add_flag("--replace", arguments->replace, "What is not in the file counts as gone");
  verb->footer(
      "Ends with 0 when there is no difference, 2 when there is one, 1 when it failed.\n\n"
      "Examples:\n"
      "  prism config diff prism.yaml\n"
      "  prism config diff 12 17");
  shell.On(*verb, [&shell, arguments] { return RunDiff(shell, *arguments); }, Formats::kAll);
}

void AddExport(CLI::App& config, Shell& shell) {
  CLI::App* verb = config.add_subcommand(
      "export", "Print the configuration as a file that import and serve take");
  auto revision = std::make_shared<std::int64_t>(0);
  AddRevisionAsItWas(*verb, *revision);
  verb->footer("Example:\n  prism config export --revision 12 > prism.yaml");
  shell.On(*verb, [&shell, revision] { return RunExport(shell, *revision); }, Formats::kAll);
}

void AddRevisions(CLI::App& config, Shell& shell) {
  CLI::App* verb = config.add_subcommand("revisions", "The revisions, newest first");
  auto limit = std::make_shared<std::int64_t>(20);
  verb->add_option("--limit", *limit, "At most this many; 0: no limit")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{0}, kMostRevisions));
  verb->footer("Example:\n  prism config revisions --limit 5");
  shell.On(*verb, [&shell, limit] { return RunRevisions(shell, *limit); }, Formats::kAll);
}

void AddVerify(CLI::App& config, Shell& shell) {
  CLI::App* verb =
      config.add_subcommand("verify", "Check the histories and the chains that hold them together");
  verb->footer(
      "Ends with 1 when something was changed behind the server's back.\n\n"
      "Example:\n  prism config verify");
  shell.On(*verb, [&shell] { return RunVerify(shell); }, Formats::kAll);
}

}  // namespace

void AddConfigReading(CLI::App& config, Shell& shell) {
  AddShow(config, shell);
  AddDiff(config, shell);
  AddExport(config, shell);
  AddRevisions(config, shell);
  AddVerify(config, shell);
}

}  // namespace prism::cli
