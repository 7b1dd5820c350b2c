#include "namespaces/backend_types.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/strings.h"

namespace prism::namespaces {

namespace {

struct BackendType {
  std::string_view name;
  std::string_view alias = {};
};

// docs/reference/prism.schema.json and docs/configuration.md have the same.
constexpr std::array<BackendType, 16> kTypes = {{
    {.name = "memory", .alias = "memstore"},
    {.name = "sqlite"},
    {.name = "redis"},
    {.name = "postgres"},
    {.name = "nats"},
    {.name = "kafka"},
    {.name = "rabbitmq"},
    {.name = "dynamodb"},
    {.name = "sqs"},
    {.name = "sns"},
    {.name = "clickhouse"},
    {.name = "timescaledb"},
    {.name = "influxdb"},
    {.name = "etcd"},
    {.name = "s3"},
    {.name = "file"},
}};

}  // namespace

std::optional<std::string> BackendTypeOf(std::string_view name) {
  const auto* type = std::ranges::find_if(kTypes, [name](const BackendType& one) {
    return one.name == name || (!name.empty() && one.alias == name);
  });
  if (type == kTypes.end()) return std::nullopt;
  return std::string(type->name);
}

std::string NoBackendType(std::string_view name) {
  std::vector<std::string> names;
  for (const BackendType& type : kTypes) names.emplace_back(type.name);
  const auto nearest = base::NearestMatch(name, names);
  return fmt::format("\"{}\" is no type of a backend: {}", name,
                     nearest ? fmt::format("did you mean \"{}\"?", *nearest)
                             : fmt::format("there are {}", fmt::join(names, ", ")));
}

}  // namespace prism::namespaces
