#include "branching/pgwire/startup_options.h"

#include <cstddef>
#include <utility>

#include "base/strings.h"

namespace prism::branching {

namespace {

// Switches of `postgres` that have an argument; the rest of them have none.
constexpr std::string_view kWithArgument = "BCDNSWcdfhkprtv";

struct Word {
  std::string text;             // without the backslashes
  std::vector<std::size_t> at;  // where each character of it begins
  std::size_t begin;
  std::size_t end;
};

constexpr bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::vector<Word> Split(std::string_view options) {
  std::vector<Word> words;
  std::size_t i = 0;
  while (true) {
    while (i < options.size() && IsSpace(options[i])) ++i;
    if (i == options.size()) return words;
    Word word{.text = {}, .at = {}, .begin = i, .end = i};
    while (i < options.size() && !IsSpace(options[i])) {
      word.at.push_back(i);
      if (options[i] == '\\') ++i;
      if (i == options.size()) {
        word.at.pop_back();
        break;
      }
      word.text.push_back(options[i++]);
    }
    word.end = i;
    words.push_back(std::move(word));
  }
}

std::optional<BranchSetting> SettingOf(std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  std::string name = base::LowerCase(assignment.substr(0, equals));
  if (!name.starts_with(kSettingPrefix)) return std::nullopt;
  BranchSetting setting{.name = std::move(name), .value = std::nullopt};
  if (equals != std::string_view::npos) setting.value = assignment.substr(equals + 1);
  return setting;
}

// One switch with its argument.
struct Switch {
  std::string_view argument;
  std::size_t begin;  // where it begins, and where its argument ends
  std::size_t end;
  char letter;
};

// The switch with an argument that begins in words[i]; `i` becomes its last word. Switches without
// arguments before it, in the same word, do not belong to it.
std::optional<Switch> TakeSwitch(const std::vector<Word>& words, std::size_t& i) {
  const Word& word = words[i];
  const std::string_view text = word.text;
  if (text.starts_with("--")) {
    return Switch{.argument = text.substr(2), .begin = word.begin, .end = word.end, .letter = '-'};
  }
  if (!text.starts_with('-')) return std::nullopt;
  const std::size_t letter = text.find_first_of(kWithArgument, 1);
  if (letter == std::string_view::npos) return std::nullopt;
  Switch found{.argument = text.substr(letter + 1),
               .begin = letter == 1 ? word.begin : word.at[letter],
               .end = word.end,
               .letter = text[letter]};
  if (found.argument.empty() && i + 1 < words.size()) {
    ++i;
    found.argument = words[i].text;
    found.end = words[i].end;
  }
  return found;
}

}  // namespace

StartupOptions CutBranchSettings(std::string_view options) {
  StartupOptions cut;
  const std::vector<Word> words = Split(options);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto found = TakeSwitch(words, i);
    if (!found || (found->letter != 'c' && found->letter != '-')) continue;
    auto setting = SettingOf(found->argument);
    if (!setting) continue;
    cut.settings.push_back(*std::move(setting));
    cut.rest.append(options.substr(kept, found->begin - kept));
    kept = found->end;
  }
  cut.rest.append(options.substr(kept));
  return cut;
}

}  // namespace prism::branching
