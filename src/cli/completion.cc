#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/output.h"
#include "cli/shell.h"

namespace prism::cli {
namespace {

std::vector<const CLI::App*> Subcommands(const CLI::App& app) {
  std::vector<const CLI::App*> all = app.get_subcommands([](const CLI::App*) { return true; });
  // Option groups are nameless subcommands to CLI11.
  std::erase_if(all, [](const CLI::App* sub) { return sub->get_name().empty(); });
  return all;
}

// A verb with everything that completes behind it.
struct Verb {
  std::string path;  // "kv set"; empty: the program itself
  std::vector<const CLI::App*> verbs;
  std::vector<const CLI::Option*> options;
  std::string names;  // what its first argument names: "namespace", "backend", "branch" or nothing
};

// Of the argument that a verb begins with.
std::string NamesWanted(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_name(true);
    return name == "NAMESPACE" ? "namespace"
           : name == "BACKEND" ? "backend"
           : name == "BRANCH"  ? "branch"
                               : "";
  }
  return {};
}

void Collect(const CLI::App& app, const std::string& path, std::vector<Verb>& all) {
  Verb verb{.path = path, .verbs = Subcommands(app), .options = {}, .names = NamesWanted(app)};
  const auto add = [&verb](const CLI::App& from) {
    for (const CLI::Option* option : from.get_options([](const CLI::Option*) { return true; })) {
      if (!option->get_lnames().empty()) verb.options.push_back(option);
    }
  };
  add(app);
  for (const CLI::App* group :
       app.get_subcommands([](const CLI::App* sub) { return sub->get_name().empty(); })) {
    add(*group);
  }
  const std::vector<const CLI::App*> verbs = verb.verbs;
  all.push_back(std::move(verb));
  const std::string before = path.empty() ? "" : path + " ";
  for (const CLI::App* sub : verbs) {
    Collect(*sub, before + sub->get_name(), all);
    for (const std::string& alias : sub->get_aliases()) Collect(*sub, before + alias, all);
  }
}

std::vector<Verb> AllVerbs(const CLI::App& app) {
  std::vector<Verb> all;
  Collect(app, "", all);
  return all;
}

std::vector<std::string> Words(const Verb& verb, const Verb& program) {
  std::vector<std::string> words;
  for (const CLI::App* sub : verb.verbs) words.push_back(sub->get_name());
  for (const CLI::Option* option : verb.options)
    words.push_back("--" + option->get_lnames().front());
  if (&verb == &program) return words;
  for (const CLI::Option* option : program.options) {
    const std::string name = "--" + option->get_lnames().front();
    if (name != "--help" && name != "--version") words.push_back(name);
  }
  return words;
}

std::string Join(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// The body that bash and zsh share: `case` over the verbs so far puts the words that can follow
// into a variable.
std::string Cases(const CLI::App& app, std::string_view variable) {
  const std::vector<Verb> all = AllVerbs(app);
  std::string text;
  for (const Verb& verb : all) {
    text += fmt::format("    \"{}\") {}=\"{}\" ;;\n", verb.path, variable,
                        Join(Words(verb, all.front())));
  }
  return text;
}

// Behind which verbs a name of something that a server has is wanted.
std::string NameCases(const CLI::App& app, std::string_view variable) {
  std::string text;
  for (const Verb& verb : AllVerbs(app)) {
    if (verb.names.empty()) continue;
    text += fmt::format("    \"{}\") {}={} ;;\n", verb.path, variable, verb.names);
  }
  return text;
}

std::string KnownPaths(const CLI::App& app) {
  std::string text = "|";
  for (const Verb& verb : AllVerbs(app)) text += verb.path + "|";
  return text;
}

// A text in single quotes, for fish.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string FirstSentence(const std::string& description) {
  return description.substr(0, description.find(';'));
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  return fmt::format(
      R"(# bash completion for prism. Load it with: source <(prism completion bash)
_prism() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" path="" words="" word next
  local known={known}
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    next="${{path:+$path }}$word"
    case "$known" in *"|$next|"*) path="$next" ;; esac
  done
  case "$path" in
{cases}  esac
  # Right behind such a verb stands the name of something that the server has.
  local named=""
  [ "${{COMP_WORDS[COMP_CWORD-1]}}" = "${{path##* }}" ] && case "$path" in
{name_cases}  esac
  case "$named:$cur" in
    :* | *:-*) ;;
    *) words=$(prism $named list --names --timeout 2s 2>/dev/null) ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  # Values are often files: @FILE, scripts, certificates.
  if [ ${{#COMPREPLY[@]}} -eq 0 ]; then
    case "$cur" in
      @*) COMPREPLY=($(compgen -P @ -f -- "${{cur#@}}")) ;;
      *) COMPREPLY=($(compgen -f -- "$cur")) ;;
    esac
  fi
}}
complete -F _prism prism
)",
      fmt::arg("known", Quoted(KnownPaths(app))), fmt::arg("cases", Cases(app, "words")),
      fmt::arg("name_cases", NameCases(app, "named")));
}

std::string ZshCompletion(const CLI::App& app) {
  return fmt::format(
      R"(#compdef prism
# zsh completion for prism. Load it after compinit with: source <(prism completion zsh), or keep it as
# _prism in a directory of $fpath.
_prism() {{
  local current_path="" candidates="" word next
  local known={known}
  for word in "${{words[@]:1:$((CURRENT-2))}}"; do
    next="${{current_path:+$current_path }}$word"
    [[ "$known" == *"|$next|"* ]] && current_path="$next"
  done
  case "$current_path" in
{cases}  esac
  # Right behind such a verb stands the name of something that the server has.
  local named=""
  [[ "${{words[CURRENT-1]}}" == "${{current_path##* }}" ]] && case "$current_path" in
{name_cases}  esac
  if [[ -n "$named" && "${{words[CURRENT]}}" != -* ]]; then
    candidates=$(prism $named list --names --timeout 2s 2>/dev/null)
  fi
  compadd -- ${{=candidates}} || _files
}}
# Out of $fpath this is the body of the function's first call; sourced it only tells of the function.
if [[ "${{funcstack[1]}}" == _prism ]]; then
  _prism "$@"
else
  compdef _prism prism
fi
)",
      fmt::arg("known", Quoted(KnownPaths(app))), fmt::arg("cases", Cases(app, "candidates")),
      fmt::arg("name_cases", NameCases(app, "named")));
}

std::string FishCompletion(const CLI::App& app) {
  const std::vector<Verb> all = AllVerbs(app);
  std::string text = "# fish completion for prism. Load it with: prism completion fish | source\n";
  for (const Verb& verb : all) {
    std::string condition = "__fish_use_subcommand";
    if (!verb.path.empty()) {
      std::string checks;
      for (std::size_t at = 0; at <= verb.path.size();) {
        const std::size_t end = std::min(verb.path.find(' ', at), verb.path.size());
        if (!checks.empty()) checks += "; and ";
        checks += "__fish_seen_subcommand_from " + verb.path.substr(at, end - at);
        at = end + 1;
      }
      condition = checks;
    }
    for (const CLI::App* sub : verb.verbs) {
      text += fmt::format("complete -c prism -f -n {} -a {} -d {}\n", Quoted(condition),
                          sub->get_name(), Quoted(FirstSentence(sub->get_description())));
    }
    if (!verb.names.empty()) {
      text += fmt::format(
          "complete -c prism -f -n {} -a '(prism {} list --names --timeout 2s 2>/dev/null)'\n",
          Quoted(condition), verb.names);
    }
    for (const CLI::Option* option : verb.options) {
      const std::string when = verb.path.empty() ? "" : fmt::format(" -n {}", Quoted(condition));
      text += fmt::format("complete -c prism{} -l {} -d {}\n", when, option->get_lnames().front(),
                          Quoted(FirstSentence(option->get_description())));
    }
  }
  return text;
}

void AddCompletion(CLI::App& app, Shell& shell) {
  CLI::App* verb =
      app.add_subcommand("completion", "Print a script that lets a shell complete this program");
  auto name = std::make_shared<std::string>();
  verb->add_option("SHELL", *name, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->footer(
      "Examples:\n"
      "  source <(prism completion bash)\n"
      "  prism completion fish | source");
  shell.On(*verb, [&app, name] {
    WriteOut(*name == "bash"  ? BashCompletion(app)
             : *name == "zsh" ? ZshCompletion(app)
                              : FishCompletion(app));
    return kDone;
  });
}

}  // namespace prism::cli
