#include "branching/doctor/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace prism::branching {
namespace {

std::string_view KindName(VolumeKind kind) {
  switch (kind) {
    case VolumeKind::kGeneration:
      return "generation";
    case VolumeKind::kBranch:
      return "branch";
    case VolumeKind::kSnapshot:
      return "snapshot";
    case VolumeKind::kSpare:
      return "spare";
    case VolumeKind::kReplacement:
      return "new data of";
  }
  return "volume";
}

std::string AboutOf(const RecordedVolume& volume) {
  return fmt::format("{} {}", KindName(volume.kind), volume.name);
}

Finding Unfinished(const RecordedVolume& volume, bool in_use) {
  if (in_use) {
    return {.health = Health::kNote,
            .about = AboutOf(volume),
            .says = "the server that runs is making or removing it"};
  }
  return {.health = Health::kUnwell,
          .about = AboutOf(volume),
          .says = "a process was killed while it made or removed this",
          .advice = "it goes with the next start",
          .mendable = true};
}

bool HasSnapshot(const std::vector<RecordedVolume>& recorded, const StoreContents& store,
                 const std::string& branch) {
  return std::ranges::any_of(recorded, [&](const RecordedVolume& other) {
    return other.kind == VolumeKind::kSnapshot && !other.unfinished &&
           other.name.starts_with(branch + "/") &&
           std::ranges::binary_search(store.volumes, other.id);
  });
}

Finding Lost(const RecordedVolume& volume, bool has_snapshot) {
  Finding lost{.health = Health::kUnwell,
               .about = AboutOf(volume),
               .says = fmt::format("its volume {} is not in the store", volume.id),
               .mendable = true};
  if (volume.kind == VolumeKind::kGeneration) {
    lost.advice = "the next start makes a new one of the source";
    lost.mendable = false;  // of what it is to be made only the server knows
  } else if (has_snapshot) {
    lost.advice = "it gets the data of its newest snapshot";
  } else {
    lost.advice = "it is forgotten: there is nothing that it could be had back from";
  }
  return lost;
}

class Comparison {
 public:
  Comparison(const std::vector<RecordedVolume>& recorded, const WhatIsThere& there, bool in_use)
      : recorded_(recorded), there_(there), in_use_(in_use) {
    for (const RecordedVolume& volume : recorded) names_.insert(volume.id);
  }

  std::vector<Finding> Run() {
    if (IsElsewhere()) return {Elsewhere()};
    for (const RecordedVolume& volume : recorded_) LookAt(volume);
    for (const std::string& volume : there_.store.volumes) {
      if (!names_.contains(volume)) LookAtStray(volume);
    }
    if (there_.store.pieces > 0 && !in_use_) NotePieces();
    for (const auto& [volume, server] : there_.servers) {
      if (!names_.contains(volume)) LookAtStrayServer(volume, server);
    }
    return std::move(findings_);
  }

 private:
  // As a start sees it: what is not mounted is not lost.
  bool IsElsewhere() const {
    return there_.store.volumes.empty() &&
           std::ranges::any_of(recorded_, [](const RecordedVolume& volume) {
             return volume.kind == VolumeKind::kGeneration && !volume.unfinished;
           });
  }

  static Finding Elsewhere() {
    return {.health = Health::kUnwell,
            .about = "store",
            .says = "the journal knows of branches, and the store has none at all",
            .advice = "mount it, or name the right one (branching.storage.path)"};
  }

  void LookAt(const RecordedVolume& volume) {
    if (volume.kind == VolumeKind::kSpare && in_use_) return;  // it stands ready, or will
    if (volume.unfinished) {
      findings_.push_back(Unfinished(volume, in_use_));
    } else if (!std::ranges::binary_search(there_.store.volumes, volume.id)) {
      const bool restorable =
          volume.kind == VolumeKind::kBranch && HasSnapshot(recorded_, there_.store, volume.name);
      findings_.push_back(Lost(volume, restorable));
    }
  }

  // Whoever put it there may want it.
  void LookAtStray(const std::string& volume) {
    findings_.push_back(
        {.health = Health::kNote,
         .about = "volume " + volume,
         .says = "the journal does not name it, so it is never touched",
         .advice =
             fmt::format("look at it, and remove volumes/{} by hand if nobody misses it", volume)});
  }

  void NotePieces() {
    findings_.push_back(
        {.health = Health::kUnwell,
         .about = "store",
         .says = fmt::format("killed processes left {} unfinished volumes", there_.store.pieces),
         .advice = "they go with the next start",
         .mendable = true});
  }

  void LookAtStrayServer(const std::string& volume, const std::optional<pid_t>& server) {
    if (in_use_ && !server) return;  // it may be on its way
    findings_.push_back(
        {.health = Health::kUnwell,
         .about = "run directory " + volume,
         .says = server ? fmt::format("process {} serves a volume that the journal does not name",
                                      *server)
                        : std::string("it is of no volume that the journal names"),
         .advice = server ? "its server is stopped" : "it is removed",
         .mendable = true});
  }

  const std::vector<RecordedVolume>& recorded_;
  const WhatIsThere& there_;
  const bool in_use_;
  std::set<std::string, std::less<>> names_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> Compare(const std::vector<RecordedVolume>& recorded, const WhatIsThere& there,
                             bool in_use) {
  return Comparison(recorded, there, in_use).Run();
}

}  // namespace prism::branching
