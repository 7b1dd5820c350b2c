#include "app/backend_settings.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "security/secrets.h"

namespace prism::app {

namespace {

Status ResolveInto(const namespaces::BackendConfig& config, backends::BackendSettings& settings) {
  TRY_ASSIGN(settings.connection, security::ResolveSecrets(config.connection));
  TRY_ASSIGN(settings.username, security::ResolveSecrets(config.username));
  TRY_ASSIGN(settings.password, security::ResolveSecrets(config.password));
  return {};
}

}  // namespace

Result<backends::BackendSettings> Resolve(const namespaces::BackendConfig& config) {
  backends::BackendSettings settings{
      .name = config.name, .connection = {}, .username = {}, .password = {}};
  Status resolved = ResolveInto(config, settings);
  if (!resolved) {
    std::string what = resolved.error().message();
    return std::unexpected(
        std::move(resolved).error().WithField("backends." + config.name, std::move(what)));
  }
  return settings;
}

}  // namespace prism::app
