// What the journal names, read beside whoever writes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "sqlite/connection.h"

namespace prism::branching {

enum class VolumeKind : std::uint8_t {
  kGeneration,
  kBranch,
  kSnapshot,
  kSpare,
  kReplacement,  // other data for a branch, in the making
};

struct RecordedVolume {
  std::string id;
  VolumeKind kind;
  std::string name;      // of people: "review", "review/before-reset-..."; of a generation its id
  bool unfinished;       // being made or removed: by who runs now, or by who was killed
  bool deleted = false;  // a branch that may be had back

  friend bool operator==(const RecordedVolume&, const RecordedVolume&) = default;
};

// Of a file of a Journal. Blocks. The file is not changed, nor brought up to date.
Result<std::vector<RecordedVolume>> ReadRecordedVolumes(sqlite::Connection& journal);

}  // namespace prism::branching
