#include "gateway/admin/config_differences.h"

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <string_view>

#include "namespaces/config_json.h"
#include "namespaces/store/change.h"

namespace prism::gateway {

namespace {

namespace v1 = admin::v1;
using nlohmann::json;

// Settings by their path, "access.read"; lists are values.
void Flatten(const json& value, const std::string& path, std::map<std::string, std::string>& into) {
  if (!value.is_object()) {
    into[path] = value.dump();
    return;
  }
  for (const auto& [key, inner] : value.items()) {
    Flatten(inner, path.empty() ? key : path + "." + key, into);
  }
}

template <class Config>
std::map<std::string, std::string> SettingsOf(const Config* config) {
  std::map<std::string, std::string> settings;
  if (config != nullptr) Flatten(namespaces::ToJson(*config), "", settings);
  settings.erase("name");
  return settings;
}

void AddField(const std::string& name, const std::string& before, const std::string& after,
              v1::ConfigDifference& difference) {
  if (before == after) return;
  v1::FieldDifference& field = *difference.add_fields();
  field.set_field(name);
  field.set_before(before);
  field.set_after(after);
}

template <class Config>
void Compare(const Config* before, const Config* after, v1::ConfigDifference& difference) {
  difference.set_operation(before == nullptr ? "create" : after == nullptr ? "delete" : "update");
  auto old_settings = SettingsOf(before);
  auto settings = SettingsOf(after);
  if (before == nullptr || after == nullptr) {
    // Of what comes or goes, what somebody has chosen.
    const Config usual;
    const auto is_usual = [defaults = SettingsOf(&usual)](const auto& setting) {
      const auto it = defaults.find(setting.first);
      return it != defaults.end() && it->second == setting.second;
    };
    std::erase_if(old_settings, is_usual);
    std::erase_if(settings, is_usual);
  }
  for (const auto& [name, value] : old_settings) {
    AddField(name, value, settings[name], difference);
    settings.erase(name);
  }
  for (const auto& [name, value] : settings) AddField(name, "", value, difference);
}

}  // namespace

std::int64_t AddDifferences(const namespaces::Snapshot& from, const namespaces::Snapshot& to,
                            google::protobuf::RepeatedPtrField<v1::ConfigDifference>& differences) {
  const namespaces::Change change = Difference(from, to);
  const auto add = [&](std::string_view kind, const std::string& name, auto find) {
    if (static_cast<std::size_t>(differences.size()) >= kMaxDifferences) return;
    v1::ConfigDifference& difference = *differences.Add();
    difference.set_kind(std::string(kind));
    difference.set_name(name);
    Compare(find(from), find(to), difference);
  };
  for (const auto& edit : change.backends) {
    add("backend", edit.name,
        [&](const auto& snapshot) { return snapshot.FindBackend(edit.name); });
  }
  for (const auto& edit : change.namespaces) {
    add("namespace", edit.name,
        [&](const auto& snapshot) { return snapshot.FindNamespace(edit.name); });
  }
  return static_cast<std::int64_t>(change.backends.size() + change.namespaces.size());
}

}  // namespace prism::gateway
