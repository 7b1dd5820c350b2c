// prism.yaml: server options, backends, and namespaces.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "namespaces/snapshot.h"

namespace prism::namespaces {

// The snapshot that the text describes. `file` names it in messages. Without `namespaces` those of
// a server without configuration are there; the backends `memory` and `sqlite` need not be written
// to be used. INVALID_ARGUMENT with every problem of the file, each with line and column.
Result<std::shared_ptr<const Snapshot>> ParseConfig(std::string_view text, const std::string& file);

class YamlSource final : public SnapshotSource {
 public:
  explicit YamlSource(std::string path) : path_(std::move(path)) {}

  // NOT_FOUND/CONFIG_NOT_FOUND and FAILED_PRECONDITION/CONFIG_UNREADABLE besides.
  Result<std::shared_ptr<const Snapshot>> Load() override;
  std::string Describe() const override { return path_; }

 private:
  std::string path_;
};

}  // namespace prism::namespaces
