#include "cli/audit.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "base/clock.h"
#include "base/time_text.h"
#include "base/units.h"
#include "cli/admin_common.h"
#include "cli/message_output.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "prism/admin/v1/audit.pb.h"

namespace prism::cli {
namespace {

namespace pb = ::prism::admin::v1;

constexpr std::int32_t kPageSize = 1000;

// What was there before and after as the objects that they are.
nlohmann::ordered_json EntryJson(const pb::AuditEntry& entry) {
  nlohmann::ordered_json json = MessageToJson(entry);
  for (const char* field : {"before", "after"}) {
    const std::string text = json.value(field, std::string());
    const auto parsed = nlohmann::ordered_json::parse(text, nullptr, false);
    json[field] = parsed.is_object() ? parsed : nlohmann::ordered_json();
  }
  return json;
}

void PrintEntry(const Shell& shell, const pb::AuditEntry& entry) {
  if (shell.json()) WriteLine(DumpJson(EntryJson(entry)));
  if (shell.yaml()) WriteOut(JsonToYaml(nlohmann::ordered_json::array({EntryJson(entry)})));
}

void AddRow(Table& table, const pb::AuditEntry& entry) {
  std::string time;
  base::AppendTimestamp({entry.time().seconds(), 0}, time);
  const std::string_view action = entry.action();
  const std::size_t service = action.find("v1.");
  table.Add({std::to_string(entry.id()), time, Shortened(entry.principal(), 40),
             Printable(service == action.npos ? action : action.substr(service + 3)),
             Shortened(entry.object(), 60),
             Printable(entry.reason().empty() ? entry.code() : entry.reason())});
}

struct ListArguments {
  pb::ListAuditRequest request;
  std::uint64_t limit = 100;
};

int RunList(Shell& shell, const ListArguments& arguments) {
  pb::ListAuditRequest request = arguments.request;
  Table table({"ID", "TIME", "WHO", "ACTION", "OBJECT", "RESULT"});
  std::uint64_t left = arguments.limit == 0 ? UINT64_MAX : arguments.limit;
  for (;;) {
    request.set_page_size(static_cast<std::int32_t>(std::min<std::uint64_t>(left, kPageSize)));
    pb::ListAuditResponse page;
    const auto reply = shell.AdminCall(AdminPath("AuditAdmin/List"), request, page);
    if (!reply) return shell.Fail(reply.error());
    for (const pb::AuditEntry& entry : page.entries()) {
      if (shell.options.output == Output::kTable) {
        AddRow(table, entry);
      } else {
        PrintEntry(shell, entry);
      }
    }
    left -= std::min<std::uint64_t>(left, static_cast<std::uint64_t>(page.entries_size()));
    request.set_page_token(page.next_page_token());
    if (request.page_token().empty() || left == 0) break;
  }
  if (shell.options.output == Output::kTable) table.Flush();
  return kDone;
}

int RunVerify(Shell& shell, const pb::VerifyAuditRequest& request) {
  pb::VerifyAuditResponse verdict;
  const auto reply = shell.AdminCall(AdminPath("AuditAdmin/Verify"), request, verdict);
  if (!reply) return shell.Fail(reply.error());
  const bool printed = shell.Print(verdict);
  if (verdict.has_fault()) {
    if (printed) return kFailed;
    return shell.Fail(
        Error(Code::kDataLoss, "AUDIT_BROKEN",
              fmt::format("entry {}: {}. Entries before it are as they were written; keep the data "
                          "directory and its backups for whoever looks into it",
                          verdict.fault().id(), verdict.fault().what())));
  }
  if (!printed) {
    WriteLine(fmt::format("whole: {} entries; the newest is {}:{}", verdict.rows(),
                          verdict.head_id(), Printable(verdict.head_hash())));
  }
  return kDone;
}

int RunExport(Shell& shell, std::int64_t after) {
  pb::ExportAuditRequest request;
  request.set_after_id(after);
  auto stream = shell.AdminStream(AdminPath("AuditAdmin/Export"), request);
  if (!stream) return shell.Fail(stream.error());
  pb::AuditEntry entry;
  Result<bool> more = stream->Read(entry);
  for (; more && *more; more = stream->Read(entry)) WriteLine(DumpJson(EntryJson(entry)));
  return more ? kDone : shell.Fail(more.error());
}

// RFC 3339, or a span: that long ago.
void AddTime(CLI::App& verb, const std::string& name, std::function<void(std::int64_t)> take,
             const std::string& description) {
  verb.add_option_function<std::string>(
          name,
          [name, take = std::move(take)](const std::string& text) {
            if (const auto time = base::ParseTimestamp(text)) return take(time->seconds);
            const auto ago = base::ParseDuration(text);
            if (!ago) {
              throw CLI::ValidationError(name,
                                         "must be like 2026-11-21T08:00:00Z, or 24h for "
                                         "that long ago");
            }
            take((SystemClock().Now() - ago->count()) / 1000);
          },
          description)
      ->type_name("TIME");
}

void AddList(CLI::App& audit, Shell& shell) {
  CLI::App* verb = audit.add_subcommand("list", "List entries, newest first");
  auto arguments = std::make_shared<ListArguments>();
  pb::ListAuditRequest& request = arguments->request;
  verb->add_option("--principal", *request.mutable_principal(), "By whom")->type_name("NAME");
  verb->add_option("--object", *request.mutable_object(),
                   "About what, or what is below it: namespace, namespace/orders, token/ID")
      ->type_name("OBJECT");
  verb->add_option("--action", *request.mutable_action(), "The method's path")->type_name("PATH");
  AddTime(
      *verb, "--since",
      [arguments](std::int64_t seconds) {
        arguments->request.mutable_start_time()->set_seconds(seconds);
      },
      "Not before this time, or this long ago");
  AddTime(
      *verb, "--until",
      [arguments](std::int64_t seconds) {
        arguments->request.mutable_end_time()->set_seconds(seconds);
      },
      "Before this time, or this long ago");
  verb->add_option("--filter", *request.mutable_filter(),
                   "AIP-160 over the fields of an entry, at most 4 KiB")
      ->type_name("FILTER");
  verb->add_option("--limit", arguments->limit, "At most this many; 0: no limit")
      ->capture_default_str();
  verb->footer(
      "Examples:\n"
      "  prism audit list --object namespace/orders --since 7d\n"
      "  prism audit list --filter 'code != \"OK\" AND principal:shop' -o json");
  shell.On(*verb, [&shell, arguments] { return RunList(shell, *arguments); }, Formats::kAll);
}

void AddVerify(CLI::App& audit, Shell& shell) {
  CLI::App* verb = audit.add_subcommand(
      "verify", "Check that nothing was changed or taken away; exit code 1 when something was");
  auto request = std::make_shared<pb::VerifyAuditRequest>();
  verb->add_option_function<std::string>(
          "--head",
          [request](const std::string& text) {
            const std::size_t colon = text.find(':');
            std::int64_t id = 0;
            const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), id);
            const bool parsed = wrong == std::errc() && colon != text.npos &&
                                end == text.data() + colon && id > 0 && text.size() == colon + 65;
            if (!parsed) {
              throw CLI::ValidationError("--head", "must be ID:HASH as this verb has printed it");
            }
            request->set_head_id(id);
            request->set_head_hash(text.substr(colon + 1));
          },
          "An entry that was the newest once, from an earlier output of this verb")
      ->type_name("ID:HASH");
  verb->footer(
      "The server compares the end of the audit with what it remembers beside its store. Whoever\n"
      "can write the data directory can change both: keep what this prints on another machine.\n\n"
      "Examples:\n"
      "  prism audit verify\n"
      "  prism audit verify --head 112:5f0c...");
  shell.On(*verb, [&shell, request] { return RunVerify(shell, *request); }, Formats::kAll);
}

void AddExport(CLI::App& audit, Shell& shell) {
  CLI::App* verb =
      audit.add_subcommand("export", "Print all entries, oldest first, one JSON a line");
  auto after = std::make_shared<std::int64_t>(0);
  verb->add_option("--after", *after, "Only those after this one; 0: all")
      ->type_name("ID")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  verb->footer("Example:\n  prism audit export --after 5000 >> audit.jsonl");
  shell.On(*verb, [&shell, after] { return RunExport(shell, *after); });
}

}  // namespace

void AddAudit(CLI::App& app, Shell& shell) {
  CLI::App* audit =
      app.add_subcommand("audit", "Who did what to the server")->require_subcommand(1);
  AddList(*audit, shell);
  AddVerify(*audit, shell);
  AddExport(*audit, shell);
}

}  // namespace prism::cli
