#include "app/backend_settings.h"

#include <optional>
#include <string>
#include <utility>

#include "security/secrets.h"

namespace prism::app {

namespace {

// Adds to `error` why the text of the key can't be resolved. The first one says what kind it is.
std::string ResolveInto(const std::string& at, const std::string& text,
                        std::optional<Error>& error) {
  auto resolved = security::ResolveSecrets(text);
  if (resolved) return *std::move(resolved);
  std::string what = resolved.error().message();
  if (!error) error = std::move(resolved).error();
  error = std::move(*error).WithField(at, std::move(what));
  return {};
}

}  // namespace

Result<backends::BackendSettings> Resolve(const namespaces::BackendConfig& config) {
  const std::string at = "backends." + config.name;
  std::optional<Error> error;
  backends::BackendSettings settings{
      .name = config.name,
      .connection = ResolveInto(at + ".connection", config.connection, error),
      .username = ResolveInto(at + ".username", config.username, error),
      .password = ResolveInto(at + ".password", config.password, error)};
  if (error) return std::unexpected(*std::move(error));
  return settings;
}

}  // namespace prism::app
