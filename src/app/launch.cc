#include "app/launch.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "namespaces/yaml_source.h"
#include "rpc/call/cors.h"

namespace prism::app {

namespace {

// The configuration when nobody names one, where it is there.
constexpr const char* kUsualConfig = "config/namespaces.yaml";

Result<namespaces::ServerConfig> ReadFlags(const LaunchFlags& flags) {
  return ReadSettings(
      [&flags](const Setting& setting) -> std::optional<std::string> {
        const auto it = flags.settings.find(setting.name);
        if (it == flags.settings.end()) return std::nullopt;
        return it->second;
      },
      [](const Setting& setting) { return fmt::format("--{}", setting.name); });
}

void AddSettingFlag(CLI::App& verb, LaunchFlags& flags, const Setting& setting) {
  const std::string name = fmt::format("--{}", setting.name);
  const std::string help = fmt::format("{} [{}]", setting.help, EnvironmentName(setting));
  if (setting.placeholder.empty()) {
    verb.add_flag_callback(
        name, [&flags, &setting] { flags.settings[std::string(setting.name)] = "true"; }, help);
    return;
  }
  verb.add_option_function<std::string>(
          name,
          [&flags, &setting](const std::string& value) {
            flags.settings[std::string(setting.name)] = value;
          },
          help)
      ->type_name(std::string(setting.placeholder))
      ->take_last();
}

}  // namespace

std::optional<std::string> FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::unique_ptr<namespaces::SnapshotSource> ChooseSource(const LaunchFlags& flags) {
  auto path = flags.config ? flags.config : FromEnvironment("PRISM_CONFIG");
  if (!path && std::filesystem::exists(kUsualConfig)) path = kUsualConfig;
  if (path) return std::make_unique<namespaces::YamlSource>(*path);
  return std::make_unique<namespaces::DefaultSource>();
}

Result<ServerSettings> ReadAll(const LaunchFlags& flags, const namespaces::Snapshot& snapshot) {
  TRY_ASSIGN(const namespaces::ServerConfig from_flags, ReadFlags(flags));
  TRY_ASSIGN(const namespaces::ServerConfig from_environment, ReadEnvironment());
  const namespaces::ServerConfig config =
      Overlay(from_flags, Overlay(from_environment, snapshot.server));
  ServerSettings settings = Decide(config, snapshot);
  TRY(CheckExposure(settings));
  TRY(CheckBranching(config.branching, settings));
  TRY(rpc::CheckCors(settings.cors));
  return settings;
}

void AddLaunchFlags(CLI::App& verb, LaunchFlags& flags,
                    std::initializer_list<std::string_view> prefixes) {
  verb.add_option("--config", flags.config,
                  "Configuration, see docs/configuration.md; config/namespaces.yaml when that is "
                  "there [PRISM_CONFIG]")
      ->type_name("FILE");
  for (const Setting& setting : Settings()) {
    const bool wanted =
        prefixes.size() == 0 || std::ranges::any_of(prefixes, [&setting](std::string_view prefix) {
          return setting.name.starts_with(prefix);
        });
    if (wanted) AddSettingFlag(verb, flags, setting);
  }
}

}  // namespace prism::app
