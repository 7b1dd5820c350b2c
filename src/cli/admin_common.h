// What the verbs of the admin port have in common.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "cli/shell.h"

namespace CLI {
class App;
}

namespace prism::cli {

// "NamespaceAdmin/Create" as a path.
std::string AdminPath(std::string_view method);

// What a verb that changes something takes; not every verb has each.
struct ChangeOptions {
  bool dry_run = false;
  bool yes = false;
  bool no_wait = false;
  std::string reason;
  std::int64_t revision = 0;
};
// All that any change takes: --revision, --dry-run, --reason.
void AddChangeOptions(CLI::App& verb, ChangeOptions& options);
// --to, of those that go back.
void AddToRevision(CLI::App& verb, std::int64_t& to);
void AddReason(CLI::App& verb, ChangeOptions& options);
void AddDryRun(CLI::App& verb, ChangeOptions& options);
// --revision: that of the record, as the user has read it.
void AddRevision(CLI::App& verb, ChangeOptions& options);
// --no-wait, of what may take long.
void AddNoWait(CLI::App& verb, ChangeOptions& options);
// -y, --yes.
void AddYes(CLI::App& verb, ChangeOptions& options);

// Whether to go on: --yes, or a person at a terminal who says so. No person and no --yes is
// FAILED_PRECONDITION/CONFIRMATION_REQUIRED.
Result<bool> Confirm(const ChangeOptions& options, std::string_view question);
// Prints the question on the terminal and returns the first letter of the answer in lower case;
// '\0' for none.
char Ask(std::string_view question);

// INVALID_ARGUMENT, printed; returns kBadUsage.
int BadUsage(const Shell& shell, const Error& error);
// Exit code of a question that was not asked or was answered with no.
int NotConfirmed(const Shell& shell, const Result<bool>& confirmed);

// A file, or standard input ("-"), whole. FILE_UNREADABLE, RESOURCE_EXHAUSTED/
// FILE_TOO_LARGE.
Result<std::string> ReadFile(const std::string& path);

// Two columns: settings as in prism.yaml, parts as "access.read", lists with commas; what is empty
// is left out.
std::string DetailTable(const google::protobuf::Message& message, bool color);
// Texts one behind the other, harmless for a terminal; "-" for none.
template <class List>
std::string Joined(const List& texts);

}  // namespace prism::cli

#include "cli/output.h"

namespace prism::cli {

template <class List>
std::string Joined(const List& texts) {
  std::string all;
  for (const std::string& text : texts) {
    if (!all.empty()) all += ", ";
    all += Printable(text);
  }
  return all.empty() ? "-" : all;
}

}  // namespace prism::cli
