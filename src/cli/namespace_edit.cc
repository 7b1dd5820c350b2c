// prism namespace edit.
#include <CLI/CLI.hpp>

#include <optional>
#include <utility>

#include "cli/edit.h"
#include "cli/edit_text.h"
#include "cli/namespace.h"
#include "cli/record_verbs.h"

namespace prism::cli {
namespace {

using Kind = NamespaceKind;
using namespaces::Problem;
using namespaces::Problems;

// An editor may be a program that goes on for ever.
constexpr int kMaxRounds = 30;

struct EditArguments {
  std::string name;
  ChangeOptions options;
  bool force = false;
};

// One edit of one namespace, from reading it to changing it. Life cycle: on the stack.
class EditSession {
 public:
  EditSession(Shell& shell, const EditArguments& arguments, EditedFile file,
              const adminpb::Namespace& before)
      : shell_(shell), arguments_(arguments), file_(std::move(file)), before_(before) {}

  int Run() {
    std::string text = EditableText(before_);
    std::string last = text;
    for (int round = 1; round <= kMaxRounds; ++round) {
      const Result<std::string> edited = file_.Edit(text);
      if (!edited) return Keep(edited.error());
      const std::string now = WithoutMistakes(*edited);
      if (now == last) return Unchanged();
      last = now;
      problems_ = Check(now);
      if (problems_.empty()) {
        const auto done = Finish();
        if (done) return *done;
        text = now;  // once more
        last.clear();
      } else {
        text = WithMistakes(now, problems_);
      }
    }
    return GiveUp("the editor makes one mistake after the other");
  }

 private:
  int Unchanged() {
    if (problems_.empty()) {
      WriteLine(fmt::format("namespace {}: nothing to change", Printable(arguments_.name)));
      return kDone;
    }
    return GiveUp("the mistakes that were told are still there");
  }

  int GiveUp(std::string_view why) {
    Error error(Code::kInvalidArgument, "EDIT_GIVEN_UP",
                fmt::format("{}: nothing has changed", why));
    for (const Problem& problem : problems_) {
      error = std::move(error).WithField(
          problem.mark.line > 0 ? fmt::format("line {}", problem.mark.line) : arguments_.name,
          fmt::format("{}: {}", problem.reason, problem.message));
    }
    return Keep(error);
  }

  // Nobody's work is lost.
  int Keep(const Error& error) {
    shell_.Fail(error);
    fmt::print(stderr,
               "hint: what you have written is in {}: mend it, then \"prism namespace update {} "
               "-f {}\"\n",
               file_.Keep(), Printable(arguments_.name), file_.Keep());
    return kFailed;
  }

  adminpb::UpdateNamespaceRequest Request(bool dry_run) const {
    ChangeOptions options = arguments_.options;
    options.dry_run = dry_run;
    adminpb::Namespace after = after_;
    after.set_name(before_.name());
    auto request =
        MakeUpdateRequest<Kind>(options, after, ChangedFields(before_, after), before_.revision());
    request.set_force(arguments_.force);
    return request;
  }

  // What is wrong with the text, to us or to the server; `after_` and `planned_` without mistakes.
  std::vector<Problem> Check(const std::string& text) {
    std::vector<Problem> problems = Read(text);
    if (problems.empty() && !ChangedFields(before_, Named(after_)).empty()) {
      fatal_.reset();
      const auto reply =
          shell_.AdminCall(AdminPath("NamespaceAdmin/Update"), Request(true), planned_);
      if (!reply && CanBeMended(reply.error())) problems = ProblemsOf(reply.error());
      if (!reply && problems.empty()) fatal_ = reply.error();
    } else {
      planned_ = before_;
    }
    return problems;
  }

  std::vector<Problem> Read(const std::string& text) {
    after_.Clear();
    Problems problems(arguments_.name);
    ReadYaml(text, after_, problems);
    std::vector<Problem> all = problems.all();
    if (all.empty() && !after_.name().empty() && after_.name() != before_.name()) {
      all.push_back(
          {.mark = {.line = 0, .column = 0},
           .reason = "NAME_IMMUTABLE",
           .message = fmt::format("a name can't be changed: write {} again", before_.name())});
    }
    return all;
  }

  adminpb::Namespace Named(adminpb::Namespace record) const {
    record.set_name(before_.name());
    return record;
  }

  static bool CanBeMended(const Error& error) {
    return error.code() == Code::kInvalidArgument || error.code() == Code::kFailedPrecondition ||
           error.code() == Code::kOutOfRange;
  }

  // Shows what would change, asks, and does it. Nothing: the user wants to edit once more.
  std::optional<int> Finish() {
    if (fatal_) return Keep(*fatal_);
    const std::string diff = RecordDiff(&before_, &planned_, "before", "after");
    const bool table = shell_.options.output == Output::kTable;
    if (table) PrintDiff(diff);
    if (diff.empty() && table) {
      WriteLine(fmt::format("namespace {}: nothing to change", Printable(arguments_.name)));
      return kDone;
    }
    if (arguments_.options.dry_run) {
      return TellChange<Kind>(shell_, table ? &planned_ : &before_, planned_, true);
    }
    if (!arguments_.options.yes) {
      const char answer = Ask("Change it? [y]es, [e]dit again, [N]o");
      if (answer == 'e') return std::nullopt;
      if (answer != 'y') return NotConfirmed(shell_, false);
    }
    adminpb::Namespace changed;
    const auto reply =
        shell_.AdminCall(AdminPath("NamespaceAdmin/Update"), Request(false), changed);
    if (!reply) return Keep(reply.error());
    if (shell_.Print(changed)) return kDone;
    WriteLine(fmt::format("namespace {}: changed, revision {}", Printable(arguments_.name),
                          changed.revision()));
    return kDone;
  }

  Shell& shell_;
  const EditArguments& arguments_;
  EditedFile file_;
  const adminpb::Namespace& before_;
  adminpb::Namespace after_;       // as it was written
  adminpb::Namespace planned_;     // as it would be
  std::optional<Error> fatal_;     // nothing that another text would mend
  std::vector<Problem> problems_;  // with the text as it was last read
};

int RunEdit(Shell& shell, const EditArguments& arguments) {
  // Asked before the work, not after it.
  if (!arguments.options.yes && !arguments.options.dry_run && !IsTerminal(stdin)) {
    return NotConfirmed(shell, Confirm(arguments.options, "Change it?"));
  }
  const auto before = GetRecord<Kind>(shell, arguments.name);
  if (!before) return shell.Fail(before.error());
  auto file = EditedFile::Make(before->name());
  if (!file) return shell.Fail(file.error());
  return EditSession(shell, arguments, std::move(*file), *before).Run();
}

}  // namespace

void AddNamespaceEdit(CLI::App& ns, Shell& shell) {
  CLI::App* verb = ns.add_subcommand("edit", "Change a namespace in your editor");
  auto arguments = std::make_shared<EditArguments>();
  AddRecordName(*verb, arguments->name, Kind::kArgument);
  AddDryRun(*verb, arguments->options);
  AddReason(*verb, arguments->options);
  AddYes(*verb, arguments->options);
  verb->add_flag("--force", arguments->force, "Allow that the namespace loses interfaces");
  verb->footer(
      "Opens its settings as YAML in $VISUAL, $EDITOR or vi, shows what changes, and asks. With a "
      "mistake it opens\n"
      "the text again, with the mistakes above it. Refused when somebody else has changed the "
      "namespace meanwhile.\n\n"
      "Example:\n  EDITOR=nano prism namespace edit orders");
  shell.On(*verb, [&shell, arguments] { return RunEdit(shell, *arguments); }, Formats::kAll);
}

}  // namespace prism::cli
