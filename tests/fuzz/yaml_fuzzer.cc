// Configuration files: any bytes are either a snapshot that holds together, or problems that all
// name a place in the file.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "namespaces/yaml_source.h"

namespace {

void Require(bool condition) {
  if (!condition) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto snapshot = prism::namespaces::ParseConfig(text, "f");
  if (!snapshot) {
    const prism::Error& error = snapshot.error();
    Require(error.code() == prism::Code::kInvalidArgument && !error.fields().empty());
    for (const auto& field : error.fields()) Require(field.field.starts_with("f:"));
    return 0;
  }
  const prism::namespaces::NamespaceConfig* previous = nullptr;
  for (const auto& config : (*snapshot)->namespaces) {
    Require(previous == nullptr || previous->name < config.name);
    Require((*snapshot)->FindBackend(config.backend) != nullptr);
    Require((*snapshot)->FindNamespace(config.name) == &config);
    Require(config.settings.name == config.name);
    Require(!prism::namespaces::ConsistencyName(config.consistency).empty());
    previous = &config;
  }
  return 0;
}
