#include "cli/config_difference.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string_view>

#include "cli/message_output.h"

namespace prism::cli {
namespace {

// A value that is told as JSON, as prism.yaml has it.
void AppendSide(char mark, const std::string& field, const std::string& json, std::string& text) {
  if (json.empty()) return;
  auto value = nlohmann::ordered_json::parse(json, nullptr, false);
  if (value.is_discarded()) value = json;
  std::string yaml = JsonToYaml({{field, std::move(value)}});
  std::string_view rest = yaml;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n') + 1;
    text += mark;
    text += rest.substr(0, end);
    rest.remove_prefix(end);
  }
}

}  // namespace

std::string DifferenceText(const prism::admin::v1::ConfigDifference& difference) {
  std::string text = fmt::format("@@ {} {}: {} @@\n", difference.kind(), difference.name(),
                                 difference.operation());
  for (const auto& field : difference.fields()) {
    AppendSide('-', field.field(), field.before(), text);
    AppendSide('+', field.field(), field.after(), text);
  }
  return text;
}

std::string DifferencesCount(std::int64_t total, std::int64_t shown) {
  std::string text = total == 1 ? "1 difference" : fmt::format("{} differences", total);
  if (shown < total) text += fmt::format(", of which {} are shown", shown);
  return text;
}

}  // namespace prism::cli
