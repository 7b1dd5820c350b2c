#include "cli/record_admin.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "cli/admin_common.h"
#include "cli/diff.h"
#include "cli/message_input.h"
#include "cli/message_output.h"
#include "cli/output.h"

namespace prism::cli {
namespace {

using google::protobuf::Message;
using nlohmann::ordered_json;

std::string OrDash(std::string_view text) { return text.empty() ? "-" : Printable(text); }

template <class Enum>
std::string EnumCell(const google::protobuf::EnumDescriptor& type, Enum value) {
  const auto* known = type.FindValueByNumber(value);
  return known == nullptr ? std::to_string(static_cast<int>(value)) : OrDash(EnumText(*known));
}

void Note(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

Status SetAll(const std::vector<std::string>& settings, Message& record,
              std::vector<std::string>& names) {
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      return std::unexpected(
          Error(Code::kInvalidArgument, "BAD_SETTING",
                fmt::format("\"{}\" is no setting: write KEY=VALUE, with KEY one of {}", setting,
                            fmt::join(SettingNames(record), ", "))));
    }
    TRY_ASSIGN(const std::string name, SetField(record, std::string_view(setting).substr(0, equals),
                                                setting.substr(equals + 1)));
    Note(names, name);
  }
  return {};
}

Status ReadSettings(const std::string& file, std::string_view text, Message& record,
                    std::vector<std::string>& names) {
  namespaces::Problems problems(file == "-" ? "standard input" : file);
  for (const std::string& name : ReadYaml(text, record, problems)) {
    if (name != "name") Note(names, name);
  }
  if (problems.empty()) return {};
  return std::unexpected(std::move(problems).ToError());
}

void ChangeTags(const SettingArguments& arguments, adminpb::Namespace& ns,
                std::vector<std::string>& names) {
  for (const std::string& tag : arguments.add_tags) {
    if (std::ranges::find(ns.tags(), tag) == ns.tags().end()) ns.add_tags(tag);
    Note(names, "tags");
  }
  for (const std::string& tag : arguments.remove_tags) {
    auto& tags = *ns.mutable_tags();
    tags.erase(std::remove(tags.begin(), tags.end(), tag), tags.end());
    Note(names, "tags");
  }
}

std::string ShortValue(const ordered_json& json, const std::string& name) {
  constexpr std::size_t kColumns = 40;
  const auto it = json.find(name);
  if (it == json.end()) return "-";
  return Shortened(it->is_string() ? it->get<std::string>() : it->dump(), kColumns);
}

}  // namespace

std::vector<std::string> NamespaceKind::Header() {
  return {"NAME", "BACKEND", "TYPE", "PATTERN", "STATUS", "RPS", "OWNER", "TAGS", "REVISION"};
}

std::vector<std::string> NamespaceKind::Row(const Record& ns) {
  std::string pattern = OrDash(ns.pattern());
  if (ns.patterns_size() > 0) {
    std::vector<std::string> types;
    for (const adminpb::Pattern& part : ns.patterns()) types.push_back(part.type());
    pattern = Joined(types);
  }
  std::string status = EnumCell(*adminpb::NamespaceStatus_descriptor(), ns.status());
  if (!ns.problem().empty()) {
    status += " (" + Printable(ns.problem().substr(0, ns.problem().find(':'))) + ")";
  }
  return {Printable(ns.name()),
          OrDash(ns.backend()),
          OrDash(ns.backend_type()),
          std::move(pattern),
          std::move(status),
          ns.rate_limit_rps() == 0 ? "-" : std::to_string(ns.rate_limit_rps()),
          OrDash(ns.owner()),
          Joined(ns.tags()),
          std::to_string(ns.revision())};
}

std::vector<std::string> BackendKind::Header() {
  return {"NAME", "TYPE", "CONNECTION", "NAMESPACES", "PROBLEM", "REVISION"};
}

std::vector<std::string> BackendKind::Row(const Record& backend) {
  return {Printable(backend.name()),    OrDash(backend.type()),
          OrDash(backend.connection()), std::to_string(backend.namespaces()),
          OrDash(backend.problem()),    std::to_string(backend.revision())};
}

Result<std::vector<std::string>> ApplySettings(const SettingArguments& arguments,
                                               std::string_view file_text, Message& record) {
  std::vector<std::string> names;
  if (!arguments.file.empty()) TRY(ReadSettings(arguments.file, file_text, record, names));
  TRY(SetAll(arguments.own, record, names));
  TRY(SetAll(arguments.sets, record, names));
  for (const std::string& path : arguments.unsets) {
    TRY_ASSIGN(const std::string name, ClearField(record, path));
    Note(names, name);
  }
  if (auto* ns = google::protobuf::DynamicCastToGenerated<adminpb::Namespace>(&record)) {
    ChangeTags(arguments, *ns, names);
  }
  return names;
}

std::string ChangeSummary(const Message* before, const Message* after) {
  if (before == nullptr || after == nullptr) return "-";
  const ordered_json old_json = MessageToJson(*before, kSettingsForm);
  const ordered_json new_json = MessageToJson(*after, kSettingsForm);
  std::string text;
  for (const std::string& name : ChangedFields(*before, *after)) {
    if (!text.empty()) text += "; ";
    text +=
        fmt::format("{}: {} -> {}", name, ShortValue(old_json, name), ShortValue(new_json, name));
  }
  return text.empty() ? "-" : text;
}

std::string RecordDiff(const Message* before, const Message* after, std::string_view before_name,
                       std::string_view after_name) {
  const auto text = [](const Message* message) {
    return message == nullptr ? std::string() : MessageToYaml(*message, kSettingsForm);
  };
  return UnifiedDiff(text(before), text(after), before == nullptr ? "nothing" : before_name,
                     after == nullptr ? "nothing" : after_name);
}

}  // namespace prism::cli
