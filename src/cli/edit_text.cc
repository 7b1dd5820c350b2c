#include "cli/edit_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/message_input.h"
#include "cli/message_output.h"

namespace prism::cli {
namespace {

using prism::admin::v1::Namespace;

// One comment for each line of a message.
std::string AsComments(std::string_view text) {
  std::string comments;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    comments.append(kMistakeMark).append(text.substr(0, end)).append("\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return comments;
}

std::string ProblemText(const namespaces::Problem& problem, std::size_t lines_above) {
  if (problem.mark.line <= 0) return fmt::format("{}: {}", problem.reason, problem.message);
  return fmt::format("line {}, column {}: {}: {}",
                     static_cast<std::size_t>(problem.mark.line) + lines_above, problem.mark.column,
                     problem.reason, problem.message);
}

std::string Above(const std::vector<namespaces::Problem>& problems, std::size_t lines_above) {
  std::string text =
      AsComments("This can't be taken as it is. Mend it, or leave without a change:");
  for (const namespaces::Problem& problem : problems) {
    text += AsComments("  " + ProblemText(problem, lines_above));
  }
  return text;
}

}  // namespace

std::string EditableText(const Namespace& ns) {
  std::vector<std::string> unset;
  const std::string settings = MessageToYaml(ns, kSettingsForm);
  for (const std::string& name : SettingNames(ns)) {
    const bool shown =
        settings.starts_with(name + ":") || settings.find("\n" + name + ":") != std::string::npos;
    if (!shown) unset.push_back(name);
  }
  std::string text = fmt::format(
      "# The namespace {} at revision {}. Lines that begin with # do not count; a setting that is\n"
      "# taken away gets its default; without a change nothing happens.\n",
      ns.name(), ns.revision());
  if (!unset.empty()) text += fmt::format("# Not set: {}\n", fmt::join(unset, ", "));
  return text + settings;
}

std::string WithoutMistakes(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::size_t next = std::min(end + 1, text.size());
    // An editor may have taken the blank behind the mark.
    if (!text.starts_with(kMistakeMark.substr(0, 2))) kept += text.substr(0, next);
    text.remove_prefix(next);
  }
  return kept;
}

std::string WithMistakes(std::string_view text, const std::vector<namespaces::Problem>& problems) {
  const std::string draft = Above(problems, 0);
  const auto lines = static_cast<std::size_t>(std::ranges::count(draft, '\n'));
  return Above(problems, lines).append(text);
}

std::vector<namespaces::Problem> ProblemsOf(const Error& error) {
  std::vector<namespaces::Problem> problems;
  for (const Error::FieldViolation& field : error.fields()) {
    problems.push_back({.mark = {.line = 0, .column = 0},
                        .reason = field.field.empty() ? std::string(error.reason()) : field.field,
                        .message = field.description});
  }
  if (problems.empty()) {
    problems.push_back({.mark = {.line = 0, .column = 0},
                        .reason = std::string(error.reason()),
                        .message = error.message()});
  }
  return problems;
}

}  // namespace prism::cli
