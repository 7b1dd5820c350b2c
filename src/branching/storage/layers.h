// Layers: trees of files that lie on top of each other, each under as many volumes as were made of
// it.
//
// A volume that has layers is a directory `volumes/<ID>`: `layers` names them, and on `data` they
// are mounted as one tree. The layers are beside: `layers/<LAYER>`, with `files`, the directories
// `work` and `empty` that overlayfs asks for, and in `users` one file for each volume that needs
// it. The last one out removes it.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace prism::branching::internal {

struct Layers {
  std::string own;                 // which no other volume writes to
  std::vector<std::string> below;  // nearest first
};

// Makes the directory of a volume with a fresh layer of its own, that has no `files` yet, above
// those `below`. ENOENT of the system when one of them is just being removed.
Result<Layers> MakeLayeredVolume(const std::string& volume, std::vector<std::string> below);

// FAILED_PRECONDITION/STORE_LAYERS when the volume does not say.
Result<Layers> ReadLayers(const std::string& volume);

// Removes the volume, which is not mounted, and those of its layers that no other one needs. Of
// what is there only in part: that part.
Status RemoveLayeredVolume(const std::string& volume);

// A directory of a layer of the volume: `files`, `work`, `empty`.
std::string LayerPath(const std::string& volume, const std::string& layer, const char* directory);
// The same, open (O_PATH), without passing through links.
Result<base::UniqueFd> OpenLayer(const std::string& volume, const std::string& layer,
                                 const char* directory);

// No volume but this one needs the layer.
Result<bool> IsAlone(const std::string& volume, const std::string& layer);

}  // namespace prism::branching::internal
