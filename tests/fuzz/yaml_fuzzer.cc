// Configuration files, whole or as a part of one: any bytes are either a configuration that holds
// together, or problems that all name a place in the file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "namespaces/yaml_source.h"

namespace {

void Require(bool condition) {
  if (!condition) __builtin_trap();
}

void RequireProblems(const prism::Error& error) {
  Require(error.code() == prism::Code::kInvalidArgument && !error.fields().empty());
  for (const auto& field : error.fields()) Require(field.field.starts_with("f:"));
}

void RequireWhole(const prism::namespaces::Snapshot& snapshot) {
  const prism::namespaces::NamespaceConfig* previous = nullptr;
  for (const auto& config : snapshot.namespaces) {
    Require(previous == nullptr || previous->name < config.name);
    Require(snapshot.FindBackend(config.backend) != nullptr);
    Require(snapshot.FindNamespace(config.name) == &config);
    Require(config.settings.name == config.name);
    Require(!prism::namespaces::ConsistencyName(config.consistency).empty());
    previous = &config;
  }
}

// Each backend that its namespaces use is known or in it.
void RequirePart(const prism::namespaces::ConfigPart& part,
                 const prism::namespaces::ConfigList<prism::namespaces::BackendConfig>& known) {
  const auto is = [](std::string_view name) {
    return [name](const auto& backend) { return backend.name == name; };
  };
  for (const auto& config : part.namespaces) {
    Require(std::ranges::any_of(part.backends, is(config.backend)) ||
            std::ranges::any_of(known, is(config.backend)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const auto known =
      prism::namespaces::ParseConfig("backends: {known: {type: memory}}", "k");
  const auto snapshot = prism::namespaces::ParseConfig(text, "f");
  if (snapshot) {
    RequireWhole(**snapshot);
  } else {
    RequireProblems(snapshot.error());
  }
  const auto part = prism::namespaces::ParsePart(text, "f", (*known)->backends);
  if (part) {
    RequirePart(*part, (*known)->backends);
  } else {
    RequireProblems(part.error());
  }
  return 0;
}
