// The verbs that namespaces and backends share: create, get, list, update, delete, history. `Kind`
// is one of record_admin.h.
#pragma once

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "cli/admin_common.h"
#include "cli/diff.h"
#include "cli/message_input.h"
#include "cli/message_output.h"
#include "cli/output.h"
#include "cli/record_admin.h"
#include "cli/shell.h"

namespace prism::cli {

struct ChangeArguments {
  std::string name;
  SettingArguments settings;
  ChangeOptions options;
  bool force = false;  // namespaces may lose interfaces
};

struct ListArguments {
  std::string filter;
  std::int64_t limit = 0;
  std::int32_t page_size = 1000;
  bool names_only = false;
};

struct HistoryArguments {
  std::string name;
  std::int64_t limit = 0;
  bool diff = false;
};

template <class Kind>
std::string MethodPath(std::string_view method) {
  return AdminPath(fmt::format("{}/{}", Kind::kService, method));
}

template <class Kind>
Result<typename Kind::Record> GetRecord(Shell& shell, const std::string& name,
                                        std::int64_t revision = 0) {
  typename Kind::GetRequest request;
  request.set_name(name);
  request.set_revision(revision);
  typename Kind::Record record;
  TRY(shell.AdminCall(MethodPath<Kind>("Get"), request, record));
  return record;
}

template <class Kind>
typename Kind::CreateRequest MakeCreateRequest(const ChangeArguments& arguments,
                                               const typename Kind::Record& record) {
  typename Kind::CreateRequest request;
  Kind::In(request) = record;
  request.set_dry_run(arguments.options.dry_run);
  request.set_reason(arguments.options.reason);
  return request;
}

// Changes the settings that were named, to what they are in `after`, and nothing else.
template <class Kind>
typename Kind::UpdateRequest MakeUpdateRequest(const ChangeOptions& options,
                                               const typename Kind::Record& after,
                                               const std::vector<std::string>& named,
                                               std::int64_t revision) {
  typename Kind::UpdateRequest request;
  request.set_name(after.name());
  Kind::In(request) = after;
  KeepFields(Kind::In(request), named);
  for (const std::string& field : named) request.mutable_update_mask()->add_paths(field);
  request.set_revision(revision);
  request.set_dry_run(options.dry_run);
  request.set_reason(options.reason);
  return request;
}

// What has become of a record, for people: the difference and where it is now.
template <class Kind>
int TellChange(const Shell& shell, const typename Kind::Record* before,
               const typename Kind::Record& after, bool dry_run) {
  if (shell.Print(after)) return kDone;
  const std::string diff = RecordDiff(before, &after, "before", "after");
  PrintDiff(diff);
  const std::string name = fmt::format("{} {}", Kind::kNoun, Printable(after.name()));
  if (dry_run) {
    WriteLine(fmt::format("{}: a dry run, nothing has changed", name));
  } else if (diff.empty()) {
    WriteLine(fmt::format("{}: nothing to change", name));
  } else {
    WriteLine(fmt::format("{}: {}, revision {}", name, before == nullptr ? "created" : "changed",
                          after.revision()));
  }
  return kDone;
}

// The content of -f; empty without.
inline Result<std::string> ReadSettingsFile(const SettingArguments& settings) {
  if (settings.file.empty()) return std::string();
  return ReadFile(settings.file);
}

template <class Kind>
int RunCreate(Shell& shell, const ChangeArguments& arguments) {
  const Result<std::string> text = ReadSettingsFile(arguments.settings);
  if (!text) return shell.Fail(text.error());
  typename Kind::Record record;
  const auto named = ApplySettings(arguments.settings, *text, record);
  if (!named) return BadUsage(shell, named.error());
  record.set_name(arguments.name);
  typename Kind::Record created;
  const auto reply = shell.AdminCall(MethodPath<Kind>("Create"),
                                     MakeCreateRequest<Kind>(arguments, record), created);
  if (!reply) return shell.Fail(reply.error());
  return TellChange<Kind>(shell, nullptr, created, arguments.options.dry_run);
}

template <class Kind>
int RunGet(Shell& shell, const std::string& name, std::int64_t revision) {
  const auto record = GetRecord<Kind>(shell, name, revision);
  if (!record) return shell.Fail(record.error());
  if (!shell.Print(*record)) WriteOut(DetailTable(*record, HasColor(stdout)));
  return kDone;
}

// All pages, up to the limit.
template <class Kind>
int RunList(Shell& shell, const ListArguments& arguments) {
  typename Kind::ListRequest request;
  request.set_filter(arguments.filter);
  Table table(Kind::Header());
  std::int64_t left =
      arguments.limit == 0 ? std::numeric_limits<std::int64_t>::max() : arguments.limit;
  do {
    request.set_page_size(
        static_cast<std::int32_t>(std::min<std::int64_t>(arguments.page_size, left)));
    typename Kind::ListResponse page;
    const auto reply = shell.AdminCall(MethodPath<Kind>("List"), request, page);
    if (!reply) {
      if (table.pending() > 0) table.Flush();  // what has come is shown before the error
      return shell.Fail(reply.error());
    }
    for (const auto& record : Kind::Records(page)) {
      if (arguments.names_only) {
        WriteLine(Printable(record.name()));
      } else if (!shell.PrintElement(record)) {
        table.Add(Kind::Row(record));
      }
    }
    left -= Kind::Records(page).size();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && left > 0);
  if (shell.options.output == Output::kTable && !arguments.names_only) table.Flush();
  return kDone;
}

// Reads, changes, writes what was named; again when somebody else was faster, unless the user has
// said which revision it must be.
template <class Kind>
int RunUpdate(Shell& shell, const ChangeArguments& arguments) {
  constexpr int kMaxAttempts = 10;
  const Result<std::string> text = ReadSettingsFile(arguments.settings);
  if (!text) return shell.Fail(text.error());
  for (int attempt = 1;; ++attempt) {
    const auto before = GetRecord<Kind>(shell, arguments.name);
    if (!before) return shell.Fail(before.error());
    typename Kind::Record after = *before;
    const auto named = ApplySettings(arguments.settings, *text, after);
    if (!named) return BadUsage(shell, named.error());
    if (named->empty()) {
      return BadUsage(shell, Error(Code::kInvalidArgument, "BAD_USAGE",
                                   "there is nothing to change: give --set KEY=VALUE, --unset KEY "
                                   "or -f FILE"));
    }
    const std::int64_t wanted = arguments.options.revision;
    auto request = MakeUpdateRequest<Kind>(arguments.options, after, *named,
                                           wanted != 0 ? wanted : before->revision());
    if constexpr (requires { request.set_force(true); }) request.set_force(arguments.force);
    typename Kind::Record changed;
    const auto reply = shell.AdminCall(MethodPath<Kind>("Update"), request, changed);
    if (reply) return TellChange<Kind>(shell, &*before, changed, arguments.options.dry_run);
    const bool overtaken = reply.error().reason() == "REVISION_MISMATCH" && wanted == 0;
    if (!overtaken || attempt == kMaxAttempts) return shell.Fail(reply.error());
  }
}

template <class Kind>
int RunDelete(Shell& shell, const ChangeArguments& arguments, std::string_view question) {
  typename Kind::DeleteRequest request;
  request.set_name(arguments.name);
  request.set_revision(arguments.options.revision);
  request.set_dry_run(arguments.options.dry_run);
  request.set_reason(arguments.options.reason);
  if (!arguments.options.dry_run) {
    const Result<bool> confirmed = Confirm(arguments.options, question);
    if (!confirmed || !*confirmed) return NotConfirmed(shell, confirmed);
  }
  typename Kind::DeleteResponse response;
  const auto reply = shell.AdminCall(MethodPath<Kind>("Delete"), request, response);
  if (!reply) return shell.Fail(reply.error());
  if (shell.Print(response)) return kDone;
  const std::string name = fmt::format("{} {}", Kind::kNoun, Printable(arguments.name));
  WriteLine(arguments.options.dry_run
                ? fmt::format("{}: a dry run, nothing has changed", name)
                : fmt::format("{}: deleted, revision {}", name, response.revision()));
  return kDone;
}

template <class Change>
void PrintChangeDiff(const std::string& name, const Change& change) {
  WriteLine(fmt::format("revision {} of {} by {}: {}{}", change.revision(), Printable(name),
                        Printable(change.changed_by()), Printable(change.operation()),
                        change.reason().empty() ? "" : " (" + Printable(change.reason()) + ")"));
  PrintDiff(RecordDiff(change.has_before() ? &change.before() : nullptr,
                       change.has_after() ? &change.after() : nullptr, "before", "after"));
}

std::string TimeCell(const google::protobuf::Timestamp& time);

template <class Change>
std::vector<std::string> HistoryRow(const Change& change) {
  return {std::to_string(change.revision()),
          TimeCell(change.time()),
          Printable(change.changed_by()),
          Printable(change.operation()),
          ChangeSummary(change.has_before() ? &change.before() : nullptr,
                        change.has_after() ? &change.after() : nullptr),
          change.reason().empty() ? "-" : Printable(change.reason())};
}

template <class Kind>
int RunHistory(Shell& shell, const HistoryArguments& arguments) {
  constexpr std::int64_t kMaxPage = 1000;
  typename Kind::HistoryRequest request;
  request.set_name(arguments.name);
  Table table({"REVISION", "TIME", "BY", "OPERATION", "CHANGE", "REASON"});
  std::int64_t left =
      arguments.limit == 0 ? std::numeric_limits<std::int64_t>::max() : arguments.limit;
  do {
    request.set_page_size(static_cast<std::int32_t>(std::min(kMaxPage, left)));
    typename Kind::HistoryResponse page;
    const auto reply = shell.AdminCall(MethodPath<Kind>("History"), request, page);
    if (!reply) return shell.Fail(reply.error());
    for (const auto& change : page.changes()) {
      if (shell.PrintElement(change)) continue;
      if (arguments.diff) {
        PrintChangeDiff(arguments.name, change);
      } else {
        table.Add(HistoryRow(change));
      }
    }
    left -= page.changes_size();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && left > 0);
  if (shell.options.output == Output::kTable && !arguments.diff) table.Flush();
  return kDone;
}

// Arguments that the verbs of both kinds take; record_arguments.cc.
void AddRecordName(CLI::App& verb, std::string& name, std::string_view argument);
// -f, --set, --unset (for update), --dry-run, --reason.
void AddSettingArguments(CLI::App& verb, ChangeArguments& arguments,
                         const google::protobuf::Message& record, bool update);
// An option that sets one setting: --owner of owner.
void AddOwnSetting(CLI::App& verb, ChangeArguments& arguments, const std::string& option,
                   const std::string& setting, const std::string& help, const std::string& type);
void AddListArguments(CLI::App& verb, ListArguments& arguments, std::string_view filter_help);
void AddHistoryArguments(CLI::App& verb, HistoryArguments& arguments, std::string_view argument);
void AddRevisionAsItWas(CLI::App& verb, std::int64_t& revision);

}  // namespace prism::cli
