// prism.yaml: server options, backends, and namespaces.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "namespaces/snapshot.h"

namespace prism::namespaces {

// The snapshot that the text describes. `file` names it in messages. Without `namespaces` those of
// a server without configuration are there; the backends `memory` and `sqlite` need not be written
// to be used. INVALID_ARGUMENT with every problem of the file, each with line and column.
Result<std::shared_ptr<const Snapshot>> ParseConfig(std::string_view text, const std::string& file);

// What a text says that is to become part of a configuration.
struct ConfigPart {
  // Those that it writes down, or needs and `known` lacks.
  std::vector<BackendConfig> backends;
  ConfigList<NamespaceConfig> namespaces;
};

// The same for a text that may use the backends in `known` without writing them. What it does not
// write is not there, options of the server are read and left alone. Also INVALID_ARGUMENT/
// NOTHING_DECLARED: it has neither backends nor namespaces.
Result<ConfigPart> ParsePart(std::string_view text, const std::string& file,
                             const ConfigList<BackendConfig>& known);

class YamlSource final : public SnapshotSource {
 public:
  explicit YamlSource(std::string path) : path_(std::move(path)) {}

  // NOT_FOUND/CONFIG_NOT_FOUND, FAILED_PRECONDITION/CONFIG_UNREADABLE and CONFIG_TOO_LARGE (more
  // than 16 MiB) besides.
  Result<std::shared_ptr<const Snapshot>> Load() override;
  std::string Describe() const override { return path_; }

 private:
  std::string path_;
};

}  // namespace prism::namespaces
