// What the verbs of namespaces and backends take.
#include <fmt/format.h>

#include "base/time_text.h"
#include "cli/record_verbs.h"

namespace prism::cli {
namespace {

constexpr std::int64_t kMostOfAll = std::numeric_limits<std::int64_t>::max();

}  // namespace

std::string TimeCell(const google::protobuf::Timestamp& time) {
  std::string text;
  // To the second: what is finer is in -o json.
  base::AppendTimestamp({.seconds = time.seconds(), .nanos = 0}, text);
  return text;
}

void AddRecordName(CLI::App& verb, std::string& name, std::string_view argument) {
  verb.add_option(std::string(argument), name,
                  "Its name: 1..63 of a-z, 0-9 and -, beginning with a letter or digit")
      ->required();
}

void AddSettingArguments(CLI::App& verb, ChangeArguments& arguments,
                         const google::protobuf::Message& record, bool update) {
  verb.add_option("-f,--file", arguments.settings.file,
                  "YAML with settings as in prism.yaml; - is standard input")
      ->type_name("FILE");
  verb.add_option("--set", arguments.settings.sets,
                  fmt::format("A setting; repeat it for more. Keys: {}",
                              fmt::join(SettingNames(record), ", ")))
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  if (update) {
    verb.add_option("--unset", arguments.settings.unsets,
                    "A setting that gets its default; repeat it for more")
        ->type_name("KEY")
        ->allow_extra_args(false);
    AddRevision(verb, arguments.options);
  }
  AddDryRun(verb, arguments.options);
  AddReason(verb, arguments.options);
}

void AddOwnSetting(CLI::App& verb, ChangeArguments& arguments, const std::string& option,
                   const std::string& setting, const std::string& help, const std::string& type) {
  std::vector<std::string>& own = arguments.settings.own;
  verb.add_option_function<std::string>(
          option, [&own, setting](const std::string& text) { own.push_back(setting + "=" + text); },
          help)
      ->type_name(type);
}

void AddListArguments(CLI::App& verb, ListArguments& arguments, std::string_view filter_help) {
  verb.add_option("--filter", arguments.filter, std::string(filter_help))->type_name("FILTER");
  verb.add_option("--limit", arguments.limit, "At most this many; 0: no limit")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{0}, kMostOfAll));
  verb.add_option("--page-size", arguments.page_size, "How many are asked for at a time, 1..1000")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(1, 1000));
  verb.add_flag("--names", arguments.names_only, "Names only, one a line");
}

void AddHistoryArguments(CLI::App& verb, HistoryArguments& arguments, std::string_view argument) {
  AddRecordName(verb, arguments.name, argument);
  verb.add_option("--limit", arguments.limit, "At most this many of the newest; 0: no limit")
      ->capture_default_str()
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{0}, kMostOfAll));
  verb.add_flag("--diff", arguments.diff, "Show each change as a difference of settings");
}

void AddRevisionAsItWas(CLI::App& verb, std::int64_t& revision) {
  verb.add_option("--revision", revision, "As it was at this revision; default: as it is")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, kMostOfAll));
}

}  // namespace prism::cli
